from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.grid import DAY
from features.population.at_risk import Rows
from tests.benchmarks.gap_times import COVARIATES, MIN_FAILURES, NodeLives, forecast

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

START = np.datetime64("2021-01-01", "us")
NEVER = np.datetime64("NaT", "us")


def lives() -> NodeLives:
    """A node that fails on days 10 and 40, and another that leaves on day 60 without a failure."""
    failures = (START + np.array([10, 40]) * DAY, np.array([], dtype="datetime64[us]"))
    return NodeLives(np.array([START, START]), np.array([NEVER, START + 60 * DAY]), failures, np.array(["a", "b"]))


def test_gaps_end_with_a_failure_or_are_censored_when_the_node_leaves_or_at_the_time() -> None:
    gaps = lives().gaps(START + 100 * DAY)
    assert gaps["days"].tolist() == [10, 30, 60, 60]
    assert gaps["ended"].tolist() == [True, True, False, False]
    assert np.allclose(np.expm1(gaps[list(COVARIATES)]), [[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 1], [0, 0, 0, 0]])


def test_the_days_of_a_gap_before_the_last_two_years_do_not_count() -> None:
    gaps = lives().gaps(START + 800 * DAY)
    assert gaps["days"].tolist() == [760]
    assert gaps["age"].tolist() == [30]


def test_the_gap_that_is_open_at_a_row_began_with_the_newest_failure_by_then() -> None:
    cutoffs = START + np.array([5, 10, 45]) * DAY
    open_gaps = lives().open_gaps(Rows(("x", "y"), cutoffs, np.array([0, 0, 0, 1]), np.array([0, 1, 2, 2])))
    assert open_gaps["age"].tolist() == [5, 0, 5, 45]
    assert np.allclose(np.expm1(open_gaps["before"]), [0, 1, 2, 0])
    assert open_gaps["hardware"].tolist() == ["a", "a", "a", "b"]


def test_hardware_with_few_failures_is_forecast_by_a_model_of_all() -> None:
    failures = START + np.arange(1, MIN_FAILURES + 1) * DAY
    both = NodeLives(np.array([START, START]), np.array([NEVER, NEVER]), (failures, failures[:3]), np.array(["a", "b"]))
    gaps = both.gaps(START + 100 * DAY)
    learned = []

    def model(gaps: pd.DataFrame, open_gaps: pd.DataFrame, horizon_days: float) -> NDArray[np.float64]:
        learned.append(len(gaps))
        return np.full(len(open_gaps), horizon_days)

    rows = Rows(("x", "y"), np.array([START + 100 * DAY]), np.array([0, 1]), np.array([0, 0]))
    assert forecast(model, gaps, both.open_gaps(rows), 7.0).tolist() == [7, 7]
    assert learned == [MIN_FAILURES + 1, MIN_FAILURES + 1 + 4]
