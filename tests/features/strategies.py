"""Hypothesis strategies for fleets with late records, gaps, nodes that leave and blind days."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
from hypothesis import strategies as st

from data.schema import TELEMETRY_KEYS, Metric, MetricKind
from data.time_grid import DAY, HOUR, MICROSECOND
from tests.features.fleets import START, Fleet, event, fleet

if TYPE_CHECKING:
    from datetime import datetime

NAMES = ("n1", "n10", "n2", "N2", "été", "n-3")
BACKWARDS = "backwards"  # a node whose failure ends before it starts
COVERAGE = "seen_n"
DAYS = 20  # steps of a fleet
UNITS_A_STEP = 24
WIDTHS = (timedelta(minutes=5), HOUR, DAY)  # steps from one cutoff to the next
DELAYS = st.sampled_from([0, 0, 5, 24, 60, 200, -30])
KINDS = st.sampled_from(["failure", "failure", "maintenance"])


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@dataclass(frozen=True, slots=True)
class Scale:
    """How long a unit of a drawn fleet's times is, and whether its records have what an export seldom has.

    A step from one cutoff to the next is 24 units. Odd records: events that occur twice, start or end a microsecond
    beside a unit, or end before they start (of failures only one of a node: `merge_failures` takes any, but labels know
    of none, as they are put in quarantine).
    """

    unit: timedelta = HOUR
    has_odd_records: bool = False

    @property
    def step(self) -> timedelta:
        """From one cutoff to the next."""
        return UNITS_A_STEP * self.unit

    def at(self, units: float) -> datetime:
        """Return a time so many units after the start."""
        return START + units * self.unit

    def times(self) -> st.SearchStrategy[datetime]:
        """Draw a time from some steps before the first cutoff to the last one."""
        times = st.integers(-100, UNITS_A_STEP * DAYS).map(self.at)
        if not self.has_odd_records:
            return times
        return st.builds(lambda time, ticks: time + ticks * MICROSECOND, times, st.sampled_from([0, 0, 0, 1, -1]))

    def lengths(self, kind: str) -> st.SearchStrategy[timedelta | None]:
        """Draw how long an event lasts; None: it is not over."""
        odd = [-50, -1] if self.has_odd_records and kind != "failure" else []
        units = st.sampled_from([0, 0, 1, 20, 30, 80, *odd, None])
        return units.map(lambda count: None if count is None else count * self.unit)


HOURLY_RECORDS = Scale()


def scale_of(width: timedelta) -> Scale:
    """Return the scale with odd records at which a step has a width."""
    return Scale(width / UNITS_A_STEP, has_odd_records=True)


@st.composite
def events(draw: st.DrawFn, scale: Scale) -> dict[str, object]:
    start, kind = draw(scale.times()), draw(KINDS)
    length = draw(scale.lengths(kind))
    end = None if length is None else start + length
    return event(
        draw(st.sampled_from([*NAMES, "ghost"])),
        start,
        end,
        kind=kind,
        cause=draw(st.sampled_from(["fan", "gpu", None])),
        recorded_at=start + draw(DELAYS) * scale.unit,
        end_recorded_at=None if end is None else end + draw(DELAYS) * scale.unit,
    )


@st.composite
def event_lists(draw: st.DrawFn, scale: Scale) -> list[dict[str, object]]:
    """Draw events, the first of them a failure of long ago."""
    drawn = draw(st.lists(events(scale), max_size=30))
    first = event("n1", scale.at(-500), scale.at(-499))
    if not scale.has_odd_records:
        return [first, *drawn]
    start = draw(scale.times())
    backwards = event(BACKWARDS, start, start - 30 * scale.unit)
    return [first, *drawn, *draw(st.lists(st.sampled_from([*drawn, backwards]), max_size=3))]


@st.composite
def nodes(draw: st.DrawFn, name: str, scale: Scale) -> dict[str, object]:
    start = draw(st.sampled_from([-500, -500, -7, 100]))
    length = draw(st.sampled_from([None, None, None, 24, 131, 550, 700]))
    return {
        "node": name,
        "rack": draw(st.sampled_from(["r1", "r2"])),
        "hardware": draw(st.sampled_from(["old", "new"])),
        "observed_from": scale.at(start),
        "observed_until": None if length is None else scale.at(start + length),
    }


@st.composite
def blind_periods(draw: st.DrawFn, scale: Scale) -> dict[str, object]:
    start, length = draw(scale.times()), draw(st.integers(1, 120))
    end = start + length * scale.unit
    return {"start": start, "end": end, "recorded_at": end}


@st.composite
def telemetry(draw: st.DrawFn, scale: Scale) -> pl.DataFrame:
    cells = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, DAYS)), unique=True, max_size=80))
    values = st.sampled_from([10.0, 10.0, 10.0, 9.0, 8.0, 11.0, 0.0, None])
    rows = [(name, START + step * scale.step, START + step * scale.step, draw(values)) for name, step in cells]
    return pl.DataFrame(rows, schema={**TELEMETRY_KEYS, COVERAGE: pl.Float64()}, orient="row")


@st.composite
def fleets(draw: st.DrawFn, scale: Scale = HOURLY_RECORDS) -> Fleet:
    """Draw a fleet with at least one failure, long ago."""
    names = draw(st.lists(st.sampled_from([*NAMES, *[BACKWARDS] * scale.has_odd_records]), min_size=1, unique=True))
    drawn = fleet(
        draw(event_lists(scale)),
        [draw(nodes(name, scale)) for name in names],
        draw(st.lists(blind_periods(scale), max_size=4 if scale.has_odd_records else 2)),
        draw(telemetry(scale)),
        (Metric(COVERAGE, MetricKind.COUNT),),
    )
    return replace(drawn, width=scale.step)
