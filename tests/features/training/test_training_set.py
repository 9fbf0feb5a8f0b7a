"""The training set: which rows are drawn, with which weights, and at which cutoffs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import capabilities_of
from features.compute import batch
from features.events.base_rates import steady_rate
from features.feature import Origin
from features.grid import days, to_numpy
from features.population.at_risk import assess, cutoffs_until
from features.training.labels import Outcomes
from features.training.person_periods import Periods
from features.training.training_set import Design, sample
from features.training.training_set import build as build_training
from tests.features.fleets import DAY, START, event, fleet
from tests.features.strategies import at

OUTCOMES = arrays(
    np.float64, st.tuples(st.integers(0, 200), st.just(2)), elements=st.sampled_from([0, 0, 0, 1, np.nan])
)


def periods(outcome: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Periods:
    return Periods((1.0, 3.0), outcome, np.where(np.isnan(outcome), 0.0, 1.0))


@given(OUTCOMES, st.sampled_from([0.5, 1.0, 3.0, 1e9]))
def test_every_failing_row_is_drawn_and_no_unknown_one(
    outcome: np.ndarray[tuple[int, int], np.dtype[np.float64]], negatives: float
) -> None:
    all_periods = periods(outcome)
    drawn = sample(all_periods, negatives, np.random.default_rng(0))
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
    drawn = sample(periods(outcome), 5, np.random.default_rng(1))
    assert len(drawn.positions) == pytest.approx(6_000, rel=0.05)
    assert drawn.weight.sum() == pytest.approx(200_000, rel=0.05)


def test_the_same_seed_draws_the_same_rows() -> None:
    outcome = np.zeros((1_000, 2))
    first, second = (sample(periods(outcome), 50, np.random.default_rng(3)).positions for _ in range(2))
    assert len(first) == pytest.approx(50, abs=20)
    assert np.array_equal(first, second)


def test_cutoffs_go_back_from_the_view_in_whole_steps() -> None:
    view = fleet().view(START + 10 * DAY)
    cutoffs = cutoffs_until(view, to_numpy(START), 3)
    assert cutoffs.tolist() == [to_numpy(START + day * DAY).item() for day in (1, 4, 7, 10)]
    assert cutoffs_until(view, to_numpy(START + 11 * DAY), 3).tolist() == [to_numpy(START + 10 * DAY).item()]


def test_days_are_exact_microseconds() -> None:
    assert days(1.5) == np.timedelta64(36, "h")


def test_a_training_set_holds_rows_features_outcomes_and_rates_of_one_view() -> None:
    nodes = [{"node": name, "observed_from": START, "rack": name} for name in "abc"]
    view = fleet([event("a", at(100), at(130)), event("b", at(200), at(201))], nodes).view(START + 20 * DAY)
    risk = assess(view, cutoffs_until(view, to_numpy(START), 1), None)
    catalogue = build(capabilities_of(view, (), ()))
    training = build_training(view, risk, catalogue, Design((1, 3), 1, None, 1e9), np.random.default_rng(0))
    assert len(training.rows) == len(training.weight) == len(training.features) == len(training.periods.outcome)
    expected = Periods.of(training.rows, Outcomes.of(view, risk.names), (1, 3))
    assert np.array_equal(training.periods.outcome, expected.outcome, equal_nan=True)
    assert training.periods.fails.sum() == 6
    assert np.array_equal(training.features, batch.compute(catalogue, view, risk, training.rows), equal_nan=True)
    assert np.array_equal(training.fleet_rate, steady_rate(view, risk, 1)[training.rows.cutoff])
    small_catalogue = catalogue.only(Origin.SAMPLED, metrics=["node"])
    assert 0 < len(small_catalogue.features) < len(catalogue.features)
    columns = [catalogue.names.index(name) for name in small_catalogue.names]
    assert np.array_equal(training.only(small_catalogue).features, training.features[:, columns])
