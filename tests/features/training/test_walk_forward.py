from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.training.walk_forward import walk_forward

DAY_ONE = np.datetime64("2021-01-01", "us")


def days(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return DAY_ONE + np.array(numbers, dtype="timedelta64[D]").astype("timedelta64[us]")


def test_the_first_half_of_the_failing_rows_is_trained_on_and_the_rest_divided_evenly() -> None:
    starts = walk_forward(days(*range(60)), 3)
    assert starts.tolist() == days(30, 40, 50).tolist()


def test_the_folds_go_by_failing_rows_and_not_by_time() -> None:
    assert walk_forward(days(0, 1, 2, 3, 100, 200, 300, 301), 2).tolist() == days(100, 300).tolist()


def test_without_a_failure_there_is_no_fold() -> None:
    assert len(walk_forward(days(), 3)) == 0


def test_failures_at_one_time_make_one_fold() -> None:
    assert walk_forward(days(5, 5, 5, 5), 3).tolist() == days(5).tolist()
    assert walk_forward(days(5), 3).tolist() == days(5).tolist()


@given(st.lists(st.integers(0, 400), min_size=1), st.integers(1, 20))
def test_starts_rise_are_failing_cutoffs_and_leave_half_of_them_before(failing: list[int], folds: int) -> None:
    cutoffs = days(*failing)
    starts = walk_forward(cutoffs, folds)
    assert 1 <= len(starts) <= folds
    assert (np.diff(starts) > np.timedelta64(0, "us")).all()
    assert set(starts.tolist()) <= set(cutoffs.tolist())
    assert (cutoffs >= starts[0]).sum() >= len(cutoffs) / 2
    assert walk_forward(cutoffs[::-1], folds).tolist() == starts.tolist()
