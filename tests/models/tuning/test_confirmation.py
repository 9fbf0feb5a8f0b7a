from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from data.errors import TooLittleDataError
from features.population.at_risk import Rows
from features.training.labels import Outcomes
from models.metrics.bootstrap import draw_resampler
from models.metrics.estimate import Estimate
from models.tuning.confirmation import (
    CAUGHT,
    LOSS,
    PRECISION,
    ConfirmationSet,
    SettingsComparison,
    TuningOptions,
    compare,
    riskiest,
)
from models.tuning.validation_folds import IntervalOutcomes, TuningSplit
from tests.models.replays import SPLIT, made_up, setup_of, trained

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY = np.timedelta64(86_400_000_000, "us")
START = np.datetime64("2021-01-04", "us")
NODES, STEPS, HORIZON = 40, 60, 3
OPTIONS = TuningOptions(timedelta(days=3), 0.1, 1)


@cache
def confirmation_set(failures: int = 40, options: TuningOptions = OPTIONS) -> ConfirmationSet:
    """Make rows of which the three before a failure fail, and one in ten stands for three nodes."""
    rng = np.random.default_rng(4)
    node, step = (axis.ravel() for axis in np.meshgrid(np.arange(NODES), np.arange(STEPS), indexing="ij"))
    rows = Rows(tuple(f"n{number:02d}" for number in range(NODES)), START + np.arange(STEPS) * DAY, node, step)
    failure = np.full(len(rows), -1)
    slots = rng.choice(NODES * (STEPS // 6), failures, replace=False)
    failing_node, failing_step = slots // (STEPS // 6), slots % (STEPS // 6) * 6 + HORIZON
    for number in range(failures):
        before = (step >= failing_step[number] - HORIZON) & (step < failing_step[number])
        failure[(node == failing_node[number]) & before] = number
    label = (failure >= 0).astype(float)
    weight = np.where((failure < 0) & (rng.random(len(rows)) < 0.1), 3.0, 1.0)
    outcomes = IntervalOutcomes(np.full((len(rows), 1), -3.0), label[:, None], weight[:, None] / HORIZON)
    resampler = draw_resampler(rows.names, rows.ts.min(), rows.ts.max() + HORIZON * DAY, rng)
    cells = resampler.cells(rows.names, failing_node.astype(np.int32), START + failing_step * DAY)
    return ConfirmationSet(options, 0, rows, weight, outcomes, label, failure, cells, resampler)


def scores(seed: int, skill: float) -> NDArray[np.float64]:
    """Score rows by chance, and failing ones higher."""
    rng, cases = np.random.default_rng(seed), confirmation_set()
    return np.asarray((rng.normal(0, 0.5, len(cases.rows)) + skill * cases.label)[:, None])


def compared(today: NDArray[np.float64], chosen: NDArray[np.float64], cases: ConfirmationSet) -> SettingsComparison:
    failures = len(cases.failure_cells.node)
    return SettingsComparison(cases.figures(today), cases.figures(chosen), len(cases.rows), failures)


def test_log_loss_is_that_of_all_rows_over_all_failures() -> None:
    score, cases = scores(1, 1.0), confirmation_set()
    probability = 1 / (1 + np.exp(3.0 - score[:, 0]))
    losses = -cases.weight / HORIZON * np.log(np.where(cases.label == 1, probability, 1 - probability))
    assert cases.figures(score)[LOSS].value == pytest.approx(losses.sum() / 40)


def test_average_precision_counts_a_row_once_for_each_node_that_it_represents() -> None:
    score, cases = scores(1, 1.0), confirmation_set()
    repeats = cases.weight.astype(int)
    expected = average_precision_score(np.repeat(cases.label, repeats), np.repeat(score[:, 0], repeats))
    figure = cases.figures(score)[PRECISION]
    assert figure.value == pytest.approx(expected)
    low, high = figure.bounds()
    assert low is not None
    assert high is not None
    assert low < expected < high


def test_a_failure_is_caught_by_any_alarm_before_it() -> None:
    score, cases = scores(1, 1.0), confirmation_set()
    caught = set()
    for step in range(STEPS):
        rows = np.flatnonzero(cases.rows.cutoff == step)
        riskier = 0.0
        for row in rows[np.argsort(-score[rows, 0])]:
            if riskier < 0.1 * cases.weight[rows].sum():
                caught.add(int(cases.failure[row]))
            riskier += cases.weight[row]
    assert cases.figures(score)[CAUGHT].value == pytest.approx(len(caught - {-1}) / 40)


@given(st.integers(1, 40), st.floats(0.01, 1.0), st.integers(0, 1_000))
def test_without_sampling_alarms_are_the_protocols(nodes: int, share: float, seed: int) -> None:
    rows = Rows(tuple(map(str, range(nodes))), START + np.arange(1) * DAY, np.arange(nodes), np.zeros(nodes, dtype=int))
    probability = np.random.default_rng(seed).random(nodes)
    alarmed = riskiest(rows, probability, np.ones(nodes), share)
    assert alarmed.sum() == ceil(share * nodes)
    assert alarmed.all() or probability[alarmed].min() > probability[~alarmed].max()


def test_without_rows_there_is_no_alarm() -> None:
    no_rows = Rows((), START + np.arange(0) * DAY, np.empty(0, dtype=int), np.empty(0, dtype=int))
    assert riskiest(no_rows, np.empty(0), np.empty(0), 0.1).tolist() == []


def low_bounds(comparison: SettingsComparison) -> list[float]:
    lows = [gain.bounds()[0] for gain in comparison.gains.values()]
    return [low for low in lows if low is not None]


def test_what_is_better_by_far_is_found_better() -> None:
    comparison = compared(scores(1, 0.5), scores(1, 2.0), confirmation_set())
    assert comparison.is_better
    assert not comparison.worse
    assert len(low_bounds(comparison)) == 3
    assert min(low_bounds(comparison)) > 0


def test_what_is_worse_by_far_is_named() -> None:
    comparison = compared(scores(1, 2.0), scores(1, 0.5), confirmation_set())
    assert not comparison.is_better
    assert comparison.worse == (LOSS, PRECISION, CAUGHT)


def test_the_same_settings_are_neither_better_nor_worse() -> None:
    comparison = compared(scores(1, 1.0), scores(1, 1.0), confirmation_set())
    assert not comparison.is_better
    assert comparison.worse == ()
    assert [gain.bounds() for gain in comparison.gains.values()] == [(0.0, 0.0)] * 3


def test_luck_alone_seldom_makes_a_likelihood_better() -> None:
    losses = [confirmation_set()._loss(scores(seed, 1.0)) for seed in range(41)]
    lows = [today.minus(chosen).bounds()[0] or 0.0 for today, chosen in pairwise(losses)]
    assert sum(low > 0 for low in lows) <= 4  # of 40, where one is expected
    assert len({round(low, 6) for low in lows}) == 40


def test_too_few_failures_give_no_interval_and_no_verdict() -> None:
    few = confirmation_set(19)
    score = 3.0 * few.label[:, None]
    comparison = compared(np.zeros_like(score), score, few)
    assert (comparison.gains[LOSS].value or 0) > 0
    assert [gain.bounds() for gain in comparison.gains.values()] == [(None, None)] * 3
    assert not comparison.is_better


def test_an_interval_that_includes_zero_changes_nothing() -> None:
    today = dict.fromkeys((LOSS, PRECISION, CAUGHT), Estimate(1.0, np.ones(100)))
    around = {**today, LOSS: Estimate(0.9, np.linspace(0.8, 1.01, 100))}
    below = {**today, LOSS: Estimate(0.9, np.linspace(0.8, 0.99, 100))}
    assert not SettingsComparison(today, around, 1, 30).is_better
    assert SettingsComparison(today, below, 1, 30).is_better


@pytest.mark.parametrize("name", [PRECISION, CAUGHT])
def test_a_likelier_forecast_that_ranks_worse_is_not_better(name: str) -> None:
    today = dict.fromkeys((LOSS, PRECISION, CAUGHT), Estimate(1.0, np.ones(100)))
    lower = Estimate(0.5, np.linspace(0.4, 0.6, 100))
    comparison = SettingsComparison(today, {**today, LOSS: lower, name: lower}, 1, 30)
    assert comparison.worse == (name,)
    assert not comparison.is_better


def test_without_a_failure_at_the_horizon_nothing_can_be_ranked() -> None:
    cases = replace(confirmation_set(), label=np.zeros(len(confirmation_set().rows)))
    assert cases._precision(np.full(len(cases.rows), 0.5)) == Estimate(None)


def test_both_settings_are_compared_on_all_of_the_newer_folds() -> None:
    split = TuningSplit.of(trained().training, made_up().view(SPLIT), setup_of().recipe)
    comparison = compare(split, replace(split.recipe.params, trees=3), TuningOptions(timedelta(days=7), 0.05, 1))
    folds = list(split.confirmation_folds())
    test_rows = np.concatenate([fold.test_rows for fold in folds])
    outcomes = IntervalOutcomes.concatenated([fold.outcomes for fold in folds])
    losses = outcomes.losses(np.concatenate([fold.scores(split.recipe) for fold in folds]))
    assert comparison.rows == len(test_rows)
    assert comparison.today[LOSS].value == pytest.approx(losses.sum() / outcomes.failures.sum())
    assert comparison.chosen[LOSS].value != comparison.today[LOSS].value
    rows = split.training.rows.take(test_rows)
    start = Outcomes.of(split.view, rows.names).next_failure(rows)
    soon = start <= rows.ts + 7 * DAY
    assert comparison.failures == len(set(zip(rows.node[soon].tolist(), start[soon].tolist(), strict=True))) > 0


def test_without_a_newer_fold_nothing_is_confirmed() -> None:
    split = TuningSplit.of(trained().training, made_up().view(SPLIT), setup_of().recipe)
    without_events = replace(made_up(), events=made_up().events.clear()).view(SPLIT)
    with pytest.raises(TooLittleDataError, match="no fold is left"):
        compare(replace(split, view=without_events), split.recipe.params, OPTIONS)
