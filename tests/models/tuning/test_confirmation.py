from __future__ import annotations

from dataclasses import replace
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
from models.tuning.confirmation import CAUGHT, LOSS, PRECISION, Jury, Question, SettingsComparison, alarmed, compare
from models.tuning.validation_folds import Course, Truth
from tests.models.replays import SPLIT, made_up, setup_of, trained

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY = np.timedelta64(86_400_000_000, "us")
START = np.datetime64("2021-01-04", "us")
NODES, STEPS, HORIZON = 40, 60, 3
QUESTION = Question(3.0, 0.1, 1)


@cache
def jury(failures: int = 40, question: Question = QUESTION) -> Jury:
    """Let some nodes fail, each in the three rows before, and one row in ten stand for three."""
    rng = np.random.default_rng(4)
    node, step = (axis.ravel() for axis in np.meshgrid(np.arange(NODES), np.arange(STEPS), indexing="ij"))
    rows = Rows(tuple(f"n{at:02d}" for at in range(NODES)), START + np.arange(STEPS) * DAY, node, step)
    failure = np.full(len(rows), -1)
    picked = rng.choice(NODES * (STEPS // 6), failures, replace=False)
    of_node, begins = picked // (STEPS // 6), picked % (STEPS // 6) * 6 + HORIZON
    for number, (one, begin) in enumerate(zip(of_node, begins, strict=True)):
        failure[(node == one) & (step >= begin - HORIZON) & (step < begin)] = number
    outcome = (failure >= 0).astype(float)
    weight = np.where((failure < 0) & (rng.random(len(rows)) < 0.1), 3.0, 1.0)
    truth = Truth(np.full((len(rows), 1), -3.0), outcome[:, None], weight[:, None] / HORIZON)
    resampler = draw_resampler(rows.names, rows.ts.min(), rows.ts.max() + HORIZON * DAY, rng)
    cells = resampler.cells(rows.names, of_node.astype(np.int32), START + begins * DAY)
    return Jury(question, 0, rows, weight, truth, outcome, failure, cells, resampler)


def scores(seed: int, skill: float) -> NDArray[np.float64]:
    """Score rows by chance, and failing ones higher."""
    rng, one = np.random.default_rng(seed), jury()
    return np.asarray((rng.normal(0, 0.5, len(one.rows)) + skill * one.label)[:, None])


def compared(now: NDArray[np.float64], chosen: NDArray[np.float64], one: Jury) -> SettingsComparison:
    return SettingsComparison(one.figures(now), one.figures(chosen), len(one.rows), len(one.failure_cells.node))


def test_log_loss_is_that_of_all_rows_over_all_failures() -> None:
    score, one = scores(1, 1.0), jury()
    chance = 1 / (1 + np.exp(3.0 - score[:, 0]))
    lost = -one.weight / HORIZON * np.log(np.where(one.label == 1, chance, 1 - chance))
    assert one.figures(score)[LOSS].value == pytest.approx(lost.sum() / 40)


def test_average_precision_counts_rows_as_often_as_they_stand_for_nodes() -> None:
    score, one = scores(1, 1.0), jury()
    often = one.weight.astype(int)
    expected = average_precision_score(np.repeat(one.label, often), np.repeat(score[:, 0], often))
    figure = one.figures(score)[PRECISION]
    assert figure.value == pytest.approx(expected)
    low, high = figure.bounds()
    assert low is not None
    assert high is not None
    assert low < expected < high


def test_a_failure_is_caught_by_any_alarm_before_it() -> None:
    score, one = scores(1, 1.0), jury()
    chance = 1 / (1 + np.exp(3.0 - score[:, 0]))
    caught = set()
    for step in range(STEPS):
        here = np.flatnonzero(one.rows.cutoff == step)
        above = 0.0
        for row in here[np.argsort(-chance[here])]:
            if above < 0.1 * one.weight[here].sum():
                caught.add(int(one.failure[row]))
            above += one.weight[row]
    assert one.figures(score)[CAUGHT].value == pytest.approx(len(caught - {-1}) / 40)


@given(st.integers(1, 40), st.floats(0.01, 1.0), st.integers(0, 1_000))
def test_without_sampling_alarms_are_the_protocols(nodes: int, share: float, seed: int) -> None:
    rows = Rows(tuple(map(str, range(nodes))), START + np.arange(1) * DAY, np.arange(nodes), np.zeros(nodes, dtype=int))
    chance = np.random.default_rng(seed).random(nodes)
    told = alarmed(rows, chance, np.ones(nodes), share)
    assert told.sum() == ceil(share * nodes)
    assert told.all() or chance[told].min() > chance[~told].max()


def test_without_rows_there_is_no_alarm() -> None:
    nobody = Rows((), START + np.arange(0) * DAY, np.empty(0, dtype=int), np.empty(0, dtype=int))
    assert alarmed(nobody, np.empty(0), np.empty(0), 0.1).tolist() == []


def test_what_is_better_by_far_is_found_better() -> None:
    found = compared(scores(1, 0.5), scores(1, 2.0), jury())
    assert found.is_better
    assert not found.worse
    assert all((gain.bounds()[0] or 0) > 0 for gain in found.gains.values())


def test_what_is_worse_by_far_is_named() -> None:
    found = compared(scores(1, 2.0), scores(1, 0.5), jury())
    assert not found.is_better
    assert found.worse == (LOSS, PRECISION, CAUGHT)


def test_the_same_settings_are_neither_better_nor_worse() -> None:
    found = compared(scores(1, 1.0), scores(1, 1.0), jury())
    assert not found.is_better
    assert found.worse == ()
    assert all(gain.bounds() == (0.0, 0.0) for gain in found.gains.values())


def test_luck_alone_seldom_makes_a_likelihood_better() -> None:
    told = [jury()._loss(scores(seed, 1.0)) for seed in range(41)]
    lows = [now.minus(new).bounds()[0] or 0.0 for now, new in pairwise(told)]
    assert sum(low > 0 for low in lows) <= 4  # of 40, where one is expected
    assert len({round(low, 6) for low in lows}) == 40


def test_too_few_failures_give_no_interval_and_no_verdict() -> None:
    few = jury(19)
    score = 3.0 * few.label[:, None]
    found = compared(np.zeros_like(score), score, few)
    assert (found.gains[LOSS].value or 0) > 0
    assert all(gain.bounds() == (None, None) for gain in found.gains.values())
    assert not found.is_better


def test_an_interval_that_holds_zero_changes_nothing() -> None:
    now = dict.fromkeys((LOSS, PRECISION, CAUGHT), Estimate(1.0, np.ones(100)))
    around = {**now, LOSS: Estimate(0.9, np.linspace(0.8, 1.01, 100))}
    below = {**now, LOSS: Estimate(0.9, np.linspace(0.8, 0.99, 100))}
    assert not SettingsComparison(now, around, 1, 30).is_better
    assert SettingsComparison(now, below, 1, 30).is_better


@pytest.mark.parametrize("name", [PRECISION, CAUGHT])
def test_a_likelier_forecast_that_ranks_worse_is_not_better(name: str) -> None:
    now = dict.fromkeys((LOSS, PRECISION, CAUGHT), Estimate(1.0, np.ones(100)))
    lower = Estimate(0.5, np.linspace(0.4, 0.6, 100))
    found = SettingsComparison(now, {**now, LOSS: lower, name: lower}, 1, 30)
    assert found.worse == (name,)
    assert not found.is_better


def test_without_a_failure_at_the_horizon_nothing_can_be_ranked() -> None:
    one = replace(jury(), label=np.zeros(len(jury().rows)))
    assert one._precision(np.full(len(one.rows), 0.5)) == Estimate(None)


def test_both_settings_sit_all_of_the_newer_folds() -> None:
    course = Course.of(trained().training, made_up().view(SPLIT), setup_of().recipe)
    other = replace(course.recipe.params, trees=3)
    found = compare(course, other, Question(7.0, 0.05, 1))
    assert found.rows == sum(len(exam.tested) for exam in course.newer())
    truth, score = (
        list(parts) for parts in zip(*((e.truth, e.answer(course.recipe)) for e in course.newer()), strict=True)
    )
    joined = Truth.joined(truth)
    lost = joined.losses(np.concatenate(score)).sum() / joined.failures.sum()
    assert found.now[LOSS].value == pytest.approx(lost)
    assert found.chosen[LOSS].value != found.now[LOSS].value
    rows = course.training.rows.take(np.concatenate([exam.tested for exam in course.newer()]))
    ahead = Outcomes.of(course.view, rows.names).next_failure(rows)
    soon = ahead <= rows.ts + 7 * DAY
    assert found.failures == len(set(zip(rows.node[soon].tolist(), ahead[soon].tolist(), strict=True))) > 0


def test_nothing_newer_confirms_nothing() -> None:
    course = Course.of(trained().training, made_up().view(SPLIT), setup_of().recipe)
    empty = replace(made_up(), events=made_up().events.clear()).view(SPLIT)
    with pytest.raises(TooLittleDataError, match="no fold is left"):
        compare(replace(course, view=empty), course.recipe.params, QUESTION)
