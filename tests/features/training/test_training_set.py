"""The training set: which rows are drawn, with which weights, and at which cutoffs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import capabilities_of
from features.compute import batch
from features.events.base_rates import FleetRate
from features.feature import Origin
from features.grid import to_numpy
from features.population.at_risk import cutoffs_until
from features.training.labels import Outcomes
from features.training.person_periods import Periods
from features.training.training_set import Design, RiskSample, draw_rows
from features.training.training_set import build as build_training
from tests.features.fleets import DAY, START, event, fleet
from tests.features.strategies import at

OUTCOMES = arrays(
    np.float64, st.tuples(st.integers(0, 200), st.just(2)), elements=st.sampled_from([0, 0, 0, 1, np.nan])
)


def periods(outcome: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Periods:
    return Periods((DAY, 3 * DAY), (DAY, DAY), outcome, np.where(np.isnan(outcome), 0.0, 1.0))


@given(OUTCOMES, st.sampled_from([0.5, 1.0, 3.0, 1e9]))
def test_every_failing_row_is_drawn_and_no_unknown_one(
    outcome: np.ndarray[tuple[int, int], np.dtype[np.float64]], negatives: float
) -> None:
    all_periods = periods(outcome)
    drawn = draw_rows(all_periods, negatives, np.random.default_rng(0))
    is_drawn = np.zeros(len(outcome), dtype=bool)
    is_drawn[drawn.positions] = True
    assert np.all(is_drawn[all_periods.fails])
    assert not np.any(is_drawn & ~all_periods.is_known)
    assert np.all(drawn.weight[all_periods.fails[drawn.positions]] == 1)
    assert np.all(drawn.weight >= 1)
    if negatives == 1e9:
        assert np.array_equal(is_drawn, all_periods.is_known)
        assert np.all(drawn.weight == 1)


def test_weights_compensate_for_the_rows_that_were_not_drawn() -> None:
    outcome = np.zeros((200_000, 2))
    outcome[:1_000, 1] = 1
    drawn = draw_rows(periods(outcome), 5, np.random.default_rng(1))
    assert len(drawn.positions) == pytest.approx(6_000, rel=0.05)
    assert drawn.weight.sum() == pytest.approx(200_000, rel=0.05)


def test_the_same_seed_draws_the_same_rows() -> None:
    outcome = np.zeros((1_000, 2))
    first, second = (draw_rows(periods(outcome), 50, np.random.default_rng(3)).positions for _ in range(2))
    assert len(first) == pytest.approx(50, abs=20)
    assert np.array_equal(first, second)


def test_cutoffs_go_back_from_the_view_in_whole_steps() -> None:
    view = fleet().view(START + 10 * DAY)
    cutoffs = cutoffs_until(view, to_numpy(START), 3 * DAY)
    assert cutoffs.tolist() == [to_numpy(START + day * DAY).item() for day in (1, 4, 7, 10)]
    assert cutoffs_until(view, to_numpy(START + 11 * DAY), 3 * DAY).tolist() == [to_numpy(START + 10 * DAY).item()]


@pytest.mark.parametrize("every", [timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6)])
def test_cutoffs_of_any_step_end_at_the_view(every: timedelta) -> None:
    cutoffs = cutoffs_until(fleet().view(START + DAY), to_numpy(START), every)
    assert len(cutoffs) == DAY // every + 1
    assert (cutoffs[0], cutoffs[-1]) == (to_numpy(START), to_numpy(START + DAY))
    assert set(np.diff(cutoffs).tolist()) == {every}


def test_the_repeat_is_the_protocols_for_each_horizon_unless_it_is_given() -> None:
    design = Design((timedelta(hours=6), 3 * DAY), timedelta(hours=1), None, 5)
    assert design.repeats == (timedelta(hours=6), DAY)
    assert replace(design, repeat=timedelta(hours=2)).repeats == (timedelta(hours=2),) * 2
    assert design.repeat_within(timedelta(minutes=5)) == timedelta(minutes=5)


def test_a_training_set_holds_rows_features_outcomes_and_rates_of_one_view() -> None:
    nodes = [{"node": name, "observed_from": START, "rack": name} for name in "abc"]
    view = fleet([event("a", at(100), at(130)), event("b", at(200), at(201))], nodes).view(START + 20 * DAY)
    design = Design((DAY, 3 * DAY), DAY, None, 1e9)
    drawn = RiskSample.draw(view, to_numpy(START), design, np.random.default_rng(0))
    risk = drawn.risk
    assert risk.cutoffs.tolist() == cutoffs_until(view, to_numpy(START), DAY).tolist()
    catalogue = build(capabilities_of(view, (), ()))
    training = build_training(view, drawn, catalogue, design, np.random.default_rng(0))
    assert len(training.rows) == len(training.weight) == len(training.features) == len(training.periods.outcome)
    expected = Periods.of(training.rows, Outcomes.of(view, risk.names), (DAY, 3 * DAY))
    assert np.array_equal(training.periods.outcome, expected.outcome, equal_nan=True)
    assert training.periods.fails.sum() == 6
    assert np.array_equal(training.features, batch.compute(catalogue, view, risk, training.rows), equal_nan=True)
    rate = FleetRate.of(view, risk, DAY, DAY)
    assert np.array_equal(training.fleet_rate.recent, rate.recent[training.rows.cutoff])
    assert np.array_equal(training.fleet_rate.long_run, rate.long_run[training.rows.cutoff])
    small_catalogue = catalogue.only(Origin.SAMPLED, metrics=["node"])
    assert 0 < len(small_catalogue.features) < len(catalogue.features)
    columns = [catalogue.names.index(name) for name in small_catalogue.names]
    assert np.array_equal(training.only(small_catalogue).features, training.features[:, columns])
