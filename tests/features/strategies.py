"""Hypothesis strategies for fleets with late records, gaps, nodes that leave and blind days."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
from hypothesis import strategies as st

from data.schema import TELEMETRY_KEYS, Metric, MetricKind
from tests.features.fleets import START, Fleet, event, fleet

if TYPE_CHECKING:
    from datetime import datetime

NAMES = ("n1", "n10", "n2", "N2", "été", "n-3")
COVERAGE = "seen_n"
DAYS = 20
HOURS = st.integers(-100, 24 * DAYS)
DELAYS = st.sampled_from([0, 0, 5, 24, 60, 200, -30])
KINDS = st.sampled_from(["failure", "failure", "maintenance"])


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@st.composite
def events(draw: st.DrawFn) -> dict[str, object]:
    start, length = draw(HOURS), draw(st.sampled_from([0, 0, 1, 20, 30, 80, None]))
    end = None if length is None else at(start + length)
    return event(
        draw(st.sampled_from([*NAMES, "ghost"])),
        at(start),
        end,
        kind=draw(KINDS),
        cause=draw(st.sampled_from(["fan", "gpu", None])),
        recorded_at=at(start + draw(DELAYS)),
        end_recorded_at=None if end is None else end + timedelta(hours=draw(DELAYS)),
    )


@st.composite
def nodes(draw: st.DrawFn, name: str) -> dict[str, object]:
    start = draw(st.sampled_from([-500, -500, -7, 100]))
    length = draw(st.sampled_from([None, None, None, 24, 131, 550, 700]))
    return {
        "node": name,
        "rack": draw(st.sampled_from(["r1", "r2"])),
        "hardware": draw(st.sampled_from(["old", "new"])),
        "observed_from": at(start),
        "observed_until": None if length is None else at(start + length),
    }


@st.composite
def blind_periods(draw: st.DrawFn) -> dict[str, object]:
    start, length = draw(HOURS), draw(st.integers(1, 120))
    return {"start": at(start), "end": at(start + length), "recorded_at": at(start + length)}


@st.composite
def telemetry(draw: st.DrawFn) -> pl.DataFrame:
    cells = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, DAYS)), unique=True, max_size=80))
    values = st.sampled_from([10.0, 10.0, 10.0, 9.0, 8.0, 11.0, 0.0, None])
    rows = [(name, at(24 * day), at(24 * day), draw(values)) for name, day in cells]
    return pl.DataFrame(rows, schema={**TELEMETRY_KEYS, COVERAGE: pl.Float64()}, orient="row")


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """Draw a fleet with at least one failure, long ago."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    return fleet(
        [event("n1", at(-500), at(-499)), *draw(st.lists(events(), max_size=30))],
        [draw(nodes(name)) for name in names],
        draw(st.lists(blind_periods(), max_size=2)),
        draw(telemetry()),
        (Metric(COVERAGE, MetricKind.COUNT),),
    )
