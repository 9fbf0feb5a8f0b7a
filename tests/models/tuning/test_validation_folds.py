from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bernoulli

from data.errors import TooLittleDataError
from features.training.labels import Outcomes
from models.hazard.fit import predict_out_of_fold
from models.hazard.model import base_log_odds
from models.tuning.validation_folds import IntervalOutcomes, TuningSplit, ValidationFold
from tests.models.replays import SPLIT, made_up, setup_of, trained

if TYPE_CHECKING:
    from features.training.training_set import TrainingSet

RECIPE = setup_of().recipe
ONE_SEED = replace(RECIPE, params=replace(RECIPE.params, seeds=1))


def training() -> TrainingSet:
    return trained().training


@cache
def split() -> TuningSplit:
    return TuningSplit.of(training(), made_up().view(SPLIT), RECIPE)


@cache
def all_folds() -> tuple[ValidationFold, ...]:
    return (*split().selection_folds(), *split().confirmation_folds())


def test_both_halves_predict_every_fold_as_calibration_does_to_the_last_bit() -> None:
    predictions = predict_out_of_fold(training(), made_up().view(SPLIT), replace(RECIPE, folds=2 * RECIPE.folds))
    assert predictions is not None
    assert np.concatenate([fold.test_rows for fold in all_folds()]).tolist() == predictions.rows.tolist()
    assert np.concatenate([fold.outcomes.base for fold in all_folds()]).tobytes() == predictions.base.tobytes()
    assert np.concatenate([fold.scores(ONE_SEED) for fold in all_folds()]).tobytes() == predictions.score.tobytes()


def test_a_folds_scores_do_not_depend_on_the_settings_before() -> None:
    fold, *_ = split().selection_folds()
    first = fold.scores(ONE_SEED)
    other = replace(ONE_SEED, params=replace(ONE_SEED.params, trees=3, half_life_days=10.0, trees_share=0.4))
    assert fold.scores(other).tobytes() != first.tobytes()
    assert fold.scores(ONE_SEED).tobytes() == first.tobytes()
    assert sorted(fold.linear_scores) == [10.0, ONE_SEED.params.half_life_days]


def test_trees_alone_need_no_linear_model() -> None:
    fold, *_ = split().selection_folds()
    fold.scores(replace(ONE_SEED, params=replace(ONE_SEED.params, trees_share=1.0)))
    assert fold.linear_scores == {}


def test_what_was_recorded_after_the_newer_half_begins_does_not_influence_the_older() -> None:
    later = pl.col("recorded_at") > split().confirmation_start
    changed_events = made_up().events.with_columns(kind=pl.when(later).then(pl.lit("failure")).otherwise("kind"))
    changed = replace(split(), view=replace(made_up(), events=changed_events).view(SPLIT)).selection_folds()
    assert len(changed) == split().half
    for original, fold in zip(split().selection_folds(), changed, strict=True):
        assert original.outcomes.outcome.tobytes() == fold.outcomes.outcome.tobytes()
        assert original.outcomes.weight.tobytes() == fold.outcomes.weight.tobytes()
        assert original.scores(ONE_SEED).tobytes() == fold.scores(ONE_SEED).tobytes()


def test_no_older_label_reaches_past_the_time_at_which_settings_are_chosen() -> None:
    outcomes = Outcomes.of(split().view.narrow(split().confirmation_start), training().rows.names)
    folds = split().selection_folds()
    assert len(folds) == split().half
    for fold in folds:
        rows = training().rows.take(fold.test_rows)
        assert not fold.outcomes.outcome[np.isnat(outcomes.next_failure(rows))].any()
        assert (rows.ts < outcomes.known_until).all()


def test_settings_are_confirmed_on_what_comes_after_all_that_they_were_chosen_on() -> None:
    ts, start = training().rows.ts, np.datetime64(split().confirmation_start.replace(tzinfo=None))
    older = np.concatenate([fold.test_rows for fold in split().selection_folds()])
    newer = np.concatenate([fold.test_rows for fold in split().confirmation_folds()])
    assert ts[older].max() < start <= ts[newer].min()
    assert split().selection_start < split().confirmation_start


def test_failures_at_a_single_time_cannot_be_cut_in_two() -> None:
    outcome = np.where(training().periods.outcome == 1, 0.0, training().periods.outcome)
    outcome[training().rows.ts == training().rows.ts[0]] = 1.0
    at_once = replace(training(), periods=replace(training().periods, outcome=outcome))
    with pytest.raises(TooLittleDataError, match="make 1 fold: two are needed"):
        TuningSplit.of(at_once, made_up().view(SPLIT), RECIPE)


def test_outcomes_weigh_what_was_observed_of_an_interval_and_a_failure_once() -> None:
    rows, periods = np.arange(len(training().rows)), training().periods
    outcomes = IntervalOutcomes.of(training(), periods, rows, RECIPE, 0.5)
    assert not outcomes.weight[np.isnan(periods.outcome)].any()
    failing, column = np.nonzero(periods.outcome == 1)
    repeats = np.array([1.0, 2.0, 4.0])[column]
    assert outcomes.weight[failing, column] * repeats == pytest.approx(training().weight[failing])
    assert outcomes.failures.sum() == pytest.approx((1 / repeats).sum())
    base = base_log_odds(training().fleet_rate.at_strength(0.5)[:1, None], np.array([1.0, 2.0, 4.0]))
    assert outcomes.base[0] == pytest.approx(base[0])


@given(st.lists(st.tuples(st.floats(-8, 2), st.floats(-3, 3), st.booleans(), st.floats(0, 5)), min_size=1))
def test_the_loss_is_the_negative_log_likelihood(rows: list[tuple[float, float, bool, float]]) -> None:
    base, score, outcome, weight = (np.array(column, dtype=float)[:, None] for column in zip(*rows, strict=True))
    expected = -weight * bernoulli.logpmf(outcome, 1 / (1 + np.exp(-(base + score))))
    assert IntervalOutcomes(base, outcome, weight).losses(score) == pytest.approx(expected.sum(axis=1), abs=1e-9)


def test_outcomes_are_concatenated_in_order() -> None:
    parts = [fold.outcomes for fold in all_folds()]
    losses = IntervalOutcomes.concatenated(parts).losses(0.0)
    assert losses.tolist() == [loss for part in parts for loss in part.losses(0.0).tolist()]
