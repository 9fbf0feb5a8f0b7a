"""Facts spread over units x cutoffs, against a loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.population.interval_counts import IntervalCounts

NEVER = np.datetime64("NaT", "us")
FACTS = st.lists(
    st.tuples(st.integers(-1, 3), st.integers(-3, 12), st.none() | st.integers(-3, 12), st.integers(1, 9)), max_size=12
)


def moments(values: list[int | None]) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.array(
        [NEVER if value is None else np.datetime64(value, "us") for value in values], dtype="datetime64[us]"
    )


@given(FACTS)
def test_facts_are_active_from_their_start_until_their_stop(facts: list[tuple[int, int, int | None, int]]) -> None:
    cutoffs = [0, 3, 4, 9]
    calendar = IntervalCounts(4, moments(list(cutoffs)))
    unit = np.array([fact[0] for fact in facts], dtype=np.int64)
    start, stop = moments([fact[1] for fact in facts]), moments([fact[2] for fact in facts])
    amount = np.array([fact[3] for fact in facts], dtype=np.int64)
    count = calendar.count_active(unit, start, stop)
    total = calendar.sum_active(unit, calendar.steps(start), calendar.steps(stop), amount)
    for one in range(4):
        for column, t in enumerate(cutoffs):
            active = [
                fact[3] for fact in facts if fact[0] == one and fact[1] <= t < (99 if fact[2] is None else fact[2])
            ]
            assert count[one, column] == len(active)
            assert total[one, column] == sum(active)


def test_no_units_and_no_cutoffs_are_empty() -> None:
    nothing = np.empty(0, np.int64)
    none = moments([])
    assert IntervalCounts(0, moments([1, 2])).count_active(nothing, none, none).shape == (0, 2)
    assert IntervalCounts(2, none).count_active(np.array([1]), moments([0]), moments([None])).shape == (2, 0)
