"""Time in a state: every sum against a loop over the spans."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.population.event_arrays import NEVER, UnitCutoffs
from features.population.time_spans import TimeSpans
from tests.features.fleets import START
from tests.features.protocol import daily

CUTOFFS = daily(START, 6)
SPANS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-400_000, 600_000), st.none() | st.integers(0, 600_000)), max_size=9
)


@given(SPANS)
def test_seconds_equal_those_of_a_loop(spans: list[tuple[int, int, int | None]]) -> None:
    begin = np.array([CUTOFFS[0] + np.timedelta64(start, "s") for _, start, _ in spans], dtype="M8[us]")
    lengths = [NEVER if length is None else np.timedelta64(length, "s") for _, _, length in spans]
    end = np.array(
        [NEVER if np.isnat(length) else start + length for start, length in zip(begin, lengths, strict=True)],
        dtype="M8[us]",
    )
    unit = np.array([unit for unit, _, _ in spans], dtype=np.int64)
    unit_cutoffs, expected = UnitCutoffs.of_groups(4, CUTOFFS), []
    for of_unit, cutoff in zip(unit_cutoffs.unit, CUTOFFS[unit_cutoffs.cutoff], strict=True):
        seconds = 0
        for span_unit, start, stop in zip(unit, begin, end, strict=True):
            last = cutoff if np.isnat(stop) else min(stop, cutoff)
            seconds += max(int((last - start) / np.timedelta64(1, "s")), 0) * bool(span_unit == of_unit)
        expected.append(seconds)
    assert TimeSpans(unit, begin, end).seconds(unit_cutoffs).tolist() == expected
