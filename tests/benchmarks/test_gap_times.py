from __future__ import annotations

import numpy as np

from features.grid import DAY
from features.population.at_risk import Rows
from tests.benchmarks.gap_times import COVARIATES, FEWEST, Lives, forecast

START = np.datetime64("2021-01-01", "us")
NEVER = np.datetime64("NaT", "us")


def lives() -> Lives:
    """One node fails on days 10 and 40; another leaves on day 60 without a failure."""
    failures = (START + np.array([10, 40]) * DAY, np.array([], dtype="datetime64[us]"))
    return Lives(np.array([START, START]), np.array([NEVER, START + 60 * DAY]), failures, np.array(["a", "b"]))


def test_gaps_end_with_a_failure_or_are_censored_when_the_node_leaves_or_the_time_comes() -> None:
    told = lives().gaps(START + 100 * DAY)
    assert told["days"].tolist() == [10, 30, 60, 60]
    assert told["ended"].tolist() == [True, True, False, False]
    assert np.allclose(np.expm1(told[list(COVARIATES)]), [[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 1], [0, 0, 0, 0]])


def test_what_a_gap_lasted_before_the_last_two_years_does_not_count() -> None:
    told = lives().gaps(START + 800 * DAY)
    assert told["days"].tolist() == [760]
    assert told["age"].tolist() == [30]


def test_the_gap_that_is_open_at_a_row_began_with_the_newest_failure_by_then() -> None:
    cutoffs = START + np.array([5, 10, 45]) * DAY
    told = lives().open_gaps(Rows(("x", "y"), cutoffs, np.array([0, 0, 0, 1]), np.array([0, 1, 2, 2])))
    assert told["age"].tolist() == [5, 0, 5, 45]
    assert np.allclose(np.expm1(told["before"]), [0, 1, 2, 0])
    assert told["hardware"].tolist() == ["a", "a", "a", "b"]


def test_hardware_with_few_failures_is_forecast_by_a_model_of_all() -> None:
    often = START + np.arange(1, FEWEST + 1) * DAY
    one = Lives(np.array([START, START]), np.array([NEVER, NEVER]), (often, often[:3]), np.array(["a", "b"]))
    gaps = one.gaps(START + 100 * DAY)
    seen = []

    def count(learned: object, asked: object, horizon_days: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        seen.append(len(learned))  # type: ignore[arg-type]  # a frame
        return np.full(len(asked), horizon_days)  # type: ignore[arg-type]  # a frame

    rows = Rows(("x", "y"), np.array([START + 100 * DAY]), np.array([0, 1]), np.array([0, 0]))
    assert forecast(count, gaps, one.open_gaps(rows), 7.0).tolist() == [7, 7]
    assert seen == [FEWEST + 1, FEWEST + 1 + 4]
