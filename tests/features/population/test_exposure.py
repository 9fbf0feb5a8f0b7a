"""How long nodes were observed, in whole seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.grid import to_datetime
from features.population.at_risk import Rows
from features.population.exposure import Exposure
from tests.features.fleets import DAY, START, fleet
from tests.features.protocol import daily

CUTOFFS = 6
SPANS = st.lists(st.tuples(st.integers(-400_000, 400_000), st.none() | st.integers(1, 600_000)), min_size=1, max_size=5)
WINDOWS = st.sampled_from([None, timedelta(seconds=1), DAY, 3 * DAY])


@given(SPANS, WINDOWS, st.integers(0, 999_999))
def test_seconds_equal_those_of_a_loop(
    spans: list[tuple[int, int | None]], window: timedelta | None, micro: int
) -> None:
    shift = timedelta(microseconds=micro)
    nodes = [
        {
            "node": f"n{number}",
            "observed_from": START + timedelta(seconds=start) + shift,
            "observed_until": None if length is None else START + timedelta(seconds=start + length) + shift,
        }
        for number, (start, length) in enumerate(spans)
    ]
    names, cutoffs = tuple(str(node["node"]) for node in nodes), daily(START, CUTOFFS)
    exposure = Exposure.of(fleet(nodes=nodes).view(), names, cutoffs)
    node, cutoff = np.divmod(np.arange(len(nodes) * CUTOFFS), CUTOFFS)
    seconds = exposure.seconds(Rows(names, cutoffs, node, cutoff), window).reshape(len(nodes), CUTOFFS)
    group = np.arange(len(nodes)) % 2
    of_groups = exposure.seconds_of_groups(group, window)
    expected = np.array(
        [
            [_seconds(START + timedelta(seconds=start) + shift, length, to_datetime(now), window) for now in cutoffs]
            for start, length in spans
        ]
    )
    assert seconds.tolist() == expected.tolist()
    assert of_groups.tolist() == [expected[group == number].sum(axis=0).tolist() for number in np.unique(group)]


def _seconds(observed_from: datetime, length: int | None, now: datetime, window: timedelta | None) -> int:
    span = now - observed_from
    if span < timedelta(0) or (length is not None and span >= timedelta(seconds=length)):
        return 0
    return int(min(span, window or span) / timedelta(seconds=1))


def test_an_unknown_node_was_never_observed() -> None:
    exposure = Exposure.of(fleet(nodes=[{"node": "a", "observed_from": START}]).view(), ("a", "ghost"), daily(START, 2))
    seconds = exposure.seconds(Rows(("a", "ghost"), daily(START, 2), np.array([0, 1]), np.array([1, 1])), None)
    assert seconds.tolist() == [86_400, 0]
