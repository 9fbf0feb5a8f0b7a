"""Time in a state: every sum against a loop over the stretches."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.population.event_arrays import NEVER, UnitCutoffs
from features.population.time_spans import TimeSpans
from tests.features.fleets import START
from tests.features.protocol import daily

CUTOFFS = daily(START, 6)
STRETCHES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-400_000, 600_000), st.none() | st.integers(0, 600_000)), max_size=9
)


@given(STRETCHES)
def test_seconds_are_those_of_a_loop(stretches: list[tuple[int, int, int | None]]) -> None:
    begin = np.array([CUTOFFS[0] + np.timedelta64(start, "s") for _, start, _ in stretches], dtype="M8[us]")
    lengths = [NEVER if length is None else np.timedelta64(length, "s") for _, _, length in stretches]
    end = np.array(
        [NEVER if np.isnat(length) else at + length for at, length in zip(begin, lengths, strict=True)], dtype="M8[us]"
    )
    unit = np.array([unit for unit, _, _ in stretches], dtype=np.int64)
    places = UnitCutoffs.of_groups(4, CUTOFFS)
    told = TimeSpans(unit, begin, end).seconds(places)
    for place, seconds in enumerate(told):
        now, expected = CUTOFFS[places.cutoff[place]], 0
        for of, start, stop in zip(unit, begin, end, strict=True):
            last = now if np.isnat(stop) else min(stop, now)
            expected += max(int((last - start) / np.timedelta64(1, "s")), 0) * bool(of == places.unit[place])
        assert seconds == expected
