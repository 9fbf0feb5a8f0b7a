from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm, poisson

from data.time_grid import DAY
from features.events.base_rates import FleetRate
from features.feature import Catalogue
from features.population.at_risk import Rows
from features.training.person_periods import Periods
from features.training.training_set import TrainingSet
from models.hazard import base_strength
from models.hazard.base_strength import FollowingFailures

Floats = NDArray[np.float64]
HORIZONS = (DAY, 7 * DAY)
USUAL = 0.004  # failures a node-day
START = np.datetime64("2020-01-01", "us")


def history(true_rate: Floats, nodes: int, rng: np.random.Generator) -> TrainingSet:
    """Let nodes fail at each day's rate, and look back from every day as `FleetRate.of` does: a row for each."""
    days, last = len(true_rate), HORIZONS[-1] // DAY
    fails = rng.random((nodes, days)) < -np.expm1(-true_rate)
    failures = np.concatenate([[0], np.cumsum(fails.sum(axis=0))])[:-1]  # before each day
    day = np.arange(days)
    month = np.maximum(day - 30, 0)
    long_run = (failures + 0.5) / (nodes * day + 500)
    recent = (failures - failures[month] + 10) / (nodes * (day - month) + 10 / long_run)
    soon = fails[:, :-last]
    later = np.stack([fails[:, step : days - last + step] for step in range(1, last)]).any(axis=0) & ~soon
    outcome = np.stack([soon, np.where(soon, np.nan, later)], axis=2).reshape(-1, 2).astype(np.float64)
    node, cutoff = np.divmod(np.arange(len(outcome)), days - last)
    cutoffs = START + np.arange(days - last) * np.timedelta64(1, "D")
    exposure = np.where(np.isnan(outcome), 0.0, 1.0)
    return TrainingSet(
        Rows(tuple(f"node-{number:03d}" for number in range(nodes)), cutoffs, node, cutoff),
        Catalogue(()),
        np.empty((len(outcome), 0), np.float32),
        FleetRate(long_run, recent).take(cutoff),
        Periods(HORIZONS, (DAY, DAY), outcome, exposure),
        np.ones(len(outcome)),
        np.ones(len(cutoffs)),
    )


def strength_of(training: TrainingSet, is_kept: NDArray[np.bool_] | None = None) -> float:
    every_row = np.ones(len(training.rows), dtype=bool)
    return base_strength.fit(training, training.periods, every_row if is_kept is None else is_kept)


def drifting(days: int, rng: np.random.Generator) -> Floats:
    """Draw a rate whose logarithm walks: it halves or doubles within a few months, and stays there."""
    return np.asarray(USUAL * np.exp(np.cumsum(rng.normal(0, 0.08, days))).clip(0.1, 10))


def strengths(days: int, *, drifts: bool) -> Floats:
    drawn = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        rate = drifting(days, rng) if drifts else np.full(days, USUAL)
        drawn.append(strength_of(history(rate, 300, rng)))
    return np.array(drawn)


def test_a_rate_that_drifts_is_followed() -> None:
    assert strengths(900, drifts=True).mean() > 0.8


def test_a_rate_that_only_scatters_is_not() -> None:
    assert strengths(900, drifts=False).mean() < 0.25


def test_two_hundred_days_are_too_few_to_follow_even_a_rate_that_drifts() -> None:
    assert strengths(260, drifts=True).tolist() == [0.0] * 8


def test_one_cutoff_and_none_at_all_have_no_strength() -> None:
    whole = history(np.full(400, USUAL), 20, np.random.default_rng(0))
    assert strength_of(whole, whole.rows.cutoff == 399 - 7) == 0.0
    assert strength_of(whole, np.zeros(len(whole.rows), dtype=bool)) == 0.0


def test_a_fleet_that_never_fails_has_next_to_no_strength() -> None:
    assert strength_of(history(np.zeros(400), 20, np.random.default_rng(0))) < 0.01


def test_a_failure_counts_once_for_each_day_of_the_horizon_before_it() -> None:
    whole = history(np.full(400, USUAL), 20, np.random.default_rng(2))
    failures = FollowingFailures.of(whole, whole.periods, np.ones(len(whole.rows), dtype=bool))
    is_old = whole.rows.cutoff >= 30
    assert failures.repeats == pytest.approx(7.0)
    assert failures.observed.sum() == np.nansum(whole.periods.outcome[is_old])
    days_at_risk = whole.periods.exposure @ np.array([1.0, 6.0])
    assert failures.expected.sum() == pytest.approx((days_at_risk * whole.fleet_rate.long_run)[is_old].sum())
    assert len(failures.change) == 400 - 7 - 30
    assert failures.period[[0, -1]].tolist() == [12, 0]


def test_rows_and_cutoffs_that_were_drawn_stand_for_all() -> None:
    rng = np.random.default_rng(4)
    whole = history(drifting(700, rng), 300, rng)
    cutoff_weight = np.where(np.arange(700 - 7) % 2 == 0, 2.0, 0.0)
    is_drawn = whole.periods.fails | (rng.random(len(whole.rows)) < 0.2)
    weight = np.where(whole.periods.fails, 1.0, 5.0) * cutoff_weight[whole.rows.cutoff]
    drawn = replace(whole, weight=weight, cutoff_weight=cutoff_weight)
    assert strength_of(drawn, is_drawn & (weight > 0)) == pytest.approx(strength_of(whole), abs=0.05)
    failures = FollowingFailures.of(drawn, drawn.periods, is_drawn)
    assert failures.repeats == pytest.approx(7.0, rel=0.01)


def test_what_is_unknown_of_a_row_counts_neither_as_exposure_nor_as_failure() -> None:
    whole = history(np.full(400, USUAL), 20, np.random.default_rng(2))
    is_odd = np.arange(len(whole.rows)) % 2 == 1
    outcome = np.where(is_odd[:, None], whole.periods.outcome, np.nan)
    half = replace(whole, periods=replace(whole.periods, outcome=outcome))
    assert strength_of(half) == pytest.approx(strength_of(whole, is_odd), abs=1e-9)


COUNTS = st.lists(st.tuples(st.floats(-2, 2), st.floats(0.1, 50), st.integers(0, 60)), min_size=3, max_size=40)


@given(COUNTS, st.floats(1, 30))
def test_the_regression_is_that_of_an_optimiser_on_the_penalised_likelihood(
    rows: list[tuple[float, float, int]], dispersion: float
) -> None:
    change, expected, observed = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    failures = FollowingFailures(change, expected, observed, np.arange(len(change)), 1.0)
    fitted = base_strength._regress(failures, dispersion)

    def loss(beta: Floats) -> float:
        likelihood = poisson.logpmf(observed, expected * np.exp(beta[0] + beta[1] * change))
        return -float(np.sum(likelihood) / dispersion + np.sum(norm.logpdf(beta, 0, [0.3, 0.5])))

    best = minimize(loss, np.zeros(2), method="BFGS")
    assert loss(fitted) <= best.fun + 1e-7
    assert fitted == pytest.approx(best.x, abs=2e-3)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.3))
def test_the_strength_is_a_share(seed: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    rate = np.asarray(USUAL * np.exp(np.cumsum(rng.normal(0, step, 320))).clip(0.01, 50))
    assert 0.0 <= strength_of(history(rate, 10, rng)) <= 1.0


def test_periods_that_scatter_more_than_chance_say_less() -> None:
    rng = np.random.default_rng(5)
    change, expected = rng.normal(0, 0.5, 60), np.full(60, 20.0)
    calm = rng.poisson(expected * np.exp(change)).astype(np.float64)
    bursts = calm * rng.choice([0.0, 2.0], 60)
    scatter = []
    for observed in (calm, bursts):
        failures = FollowingFailures(change, expected, observed, np.arange(60) // 5, 1.0)
        scatter.append(base_strength._dispersion(failures, np.array([0.0, 1.0])))
    assert scatter[0] < 3
    assert scatter[1] > 10
