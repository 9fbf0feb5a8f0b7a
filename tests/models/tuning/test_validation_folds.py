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
from models.tuning.validation_folds import Course, Exam, Truth
from tests.models.replays import SPLIT, made_up, setup_of, trained

if TYPE_CHECKING:
    from features.training.training_set import TrainingSet

RECIPE = setup_of().recipe
ONE_SEED = replace(RECIPE, params=replace(RECIPE.params, seeds=1))


def training() -> TrainingSet:
    return trained().training


@cache
def course() -> Course:
    return Course.of(training(), made_up().view(SPLIT), RECIPE)


@cache
def exams() -> tuple[Exam, ...]:
    return (*course().older(), *course().newer())


def test_both_halves_predict_every_fold_as_calibration_does_to_the_last_bit() -> None:
    told = predict_out_of_fold(training(), made_up().view(SPLIT), replace(RECIPE, folds=2 * RECIPE.folds))
    assert told is not None
    assert np.concatenate([exam.tested for exam in exams()]).tolist() == told.rows.tolist()
    assert np.concatenate([exam.truth.base for exam in exams()]).tobytes() == told.base.tobytes()
    assert np.concatenate([exam.answer(ONE_SEED) for exam in exams()]).tobytes() == told.score.tobytes()


def test_an_exam_is_answered_afresh_whatever_was_asked_before() -> None:
    exam, *_ = course().older()
    first = exam.answer(ONE_SEED)
    other = replace(ONE_SEED, params=replace(ONE_SEED.params, trees=3, half_life_days=10.0, trees_share=0.4))
    assert exam.answer(other).tobytes() != first.tobytes()
    assert exam.answer(ONE_SEED).tobytes() == first.tobytes()
    assert sorted(exam.lines) == [10.0, ONE_SEED.params.half_life_days]


def test_trees_alone_need_no_line() -> None:
    exam, *_ = course().older()
    exam.answer(replace(ONE_SEED, params=replace(ONE_SEED.params, trees_share=1.0)))
    assert exam.lines == {}


def test_what_was_recorded_after_the_newer_half_begins_has_no_say_in_the_older() -> None:
    later = pl.col("recorded_at") > course().confirmed_from
    changed = made_up().events.with_columns(kind=pl.when(later).then(pl.lit("failure")).otherwise("kind"))
    other = replace(course(), view=replace(made_up(), events=changed).view(SPLIT)).older()
    for own, told in zip(course().older(), other, strict=True):
        assert own.truth.outcome.tobytes() == told.truth.outcome.tobytes()
        assert own.truth.weight.tobytes() == told.truth.weight.tobytes()
        assert own.answer(ONE_SEED).tobytes() == told.answer(ONE_SEED).tobytes()


def test_no_older_label_reaches_past_the_time_at_which_settings_are_chosen() -> None:
    known = Outcomes.of(course().view.narrow(course().confirmed_from), training().rows.names)
    for exam in course().older():
        rows = training().rows.take(exam.tested)
        ahead = known.next_failure(rows)
        assert not exam.truth.outcome[np.isnat(ahead)].any()
        assert (rows.ts < known.known_until).all()


def test_settings_are_confirmed_on_what_comes_after_all_that_they_were_chosen_on() -> None:
    ts, start = training().rows.ts, np.datetime64(course().confirmed_from.replace(tzinfo=None))
    assert all((ts[exam.tested] < start).all() for exam in course().older())
    assert all((ts[exam.tested] >= start).all() for exam in course().newer())
    assert course().chosen_from < course().confirmed_from


def test_failures_at_a_single_time_cannot_be_cut_in_two() -> None:
    outcome = np.where(training().periods.outcome == 1, 0.0, training().periods.outcome)
    outcome[training().rows.ts == training().rows.ts[0]] = 1.0
    alike = replace(training(), periods=replace(training().periods, outcome=outcome))
    with pytest.raises(TooLittleDataError, match="make 1 fold: two are needed"):
        Course.of(alike, made_up().view(SPLIT), RECIPE)


def test_a_truth_weighs_what_was_seen_of_an_interval_and_a_failure_once() -> None:
    rows = np.arange(len(training().rows))
    told, periods = Truth.of(training(), training().periods, rows, RECIPE), training().periods
    assert not told.weight[np.isnan(periods.outcome)].any()
    fails, column = np.nonzero(periods.outcome == 1)
    repeats = np.array([1.0, 2.0, 4.0])[column]
    assert told.weight[fails, column] * repeats == pytest.approx(training().weight[fails])
    assert told.failures.sum() == pytest.approx((1 / repeats).sum())
    assert told.base[0] == pytest.approx(base_log_odds(training().fleet_rate[:1, None], np.array([1.0, 2.0, 4.0]))[0])


@given(st.lists(st.tuples(st.floats(-8, 2), st.floats(-3, 3), st.booleans(), st.floats(0, 5)), min_size=1))
def test_the_loss_is_the_negative_log_likelihood(rows: list[tuple[float, float, bool, float]]) -> None:
    base, score, outcome, weight = (np.array(column, dtype=float)[:, None] for column in zip(*rows, strict=True))
    chance = 1 / (1 + np.exp(-(base + score)))
    expected = -weight * bernoulli.logpmf(outcome, chance)
    assert Truth(base, outcome, weight).losses(score) == pytest.approx(expected.sum(axis=1), abs=1e-9)


def test_truths_are_joined_in_order() -> None:
    parts = [exam.truth for exam in exams()]
    joined = Truth.joined(parts)
    assert joined.losses(0.0).tolist() == [loss for part in parts for loss in part.losses(0.0).tolist()]
