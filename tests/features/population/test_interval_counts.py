"""Intervals counted over units x cutoffs, against a loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.population.interval_counts import IntervalCounts

NEVER = np.datetime64("NaT", "us")
INTERVALS = st.lists(
    st.tuples(st.integers(-1, 3), st.integers(-3, 12), st.none() | st.integers(-3, 12), st.integers(1, 9)), max_size=12
)


def times(values: list[int | None]) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.array(
        [NEVER if value is None else np.datetime64(value, "us") for value in values], dtype="datetime64[us]"
    )


@given(INTERVALS)
def test_an_interval_is_active_from_its_start_until_its_stop(
    intervals: list[tuple[int, int, int | None, int]],
) -> None:
    cutoffs = [0, 3, 4, 9]
    counts = IntervalCounts(4, times(list(cutoffs)))
    unit = np.array([unit for unit, *_ in intervals], dtype=np.int64)
    start, stop = times([start for _, start, *_ in intervals]), times([stop for _, _, stop, _ in intervals])
    amount = np.array([amount for *_, amount in intervals], dtype=np.int64)
    active = [
        [
            [
                amount
                for of_unit, start, stop, amount in intervals
                if of_unit == number and start <= cutoff < (99 if stop is None else stop)
            ]
            for cutoff in cutoffs
        ]
        for number in range(4)
    ]
    count = counts.count_active(unit, start, stop)
    total = counts.sum_active(unit, counts.steps(start), counts.steps(stop), amount)
    assert count.tolist() == [[len(amounts) for amounts in row] for row in active]
    assert total.tolist() == [[sum(amounts) for amounts in row] for row in active]


def test_no_units_and_no_cutoffs_are_empty() -> None:
    no_units, no_times = np.empty(0, np.int64), times([])
    assert IntervalCounts(0, times([1, 2])).count_active(no_units, no_times, no_times).shape == (0, 2)
    assert IntervalCounts(2, no_times).count_active(np.array([1]), times([0]), times([None])).shape == (2, 0)
