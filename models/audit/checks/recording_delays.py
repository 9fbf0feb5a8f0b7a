"""When records became known: what was recorded at once, ahead of time or in bulk gives a wrong time for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from data.durations import format_duration
from data.schema import NODE, EventKind
from models.audit.finding import MOST_EXAMPLES, Finding, Severity, inconclusive
from models.audit.significance import RELEVANT_SHARE

if TYPE_CHECKING:
    from datetime import timedelta

    from models.audit.arrivals import Arrivals

AT_ONCE: Final = "recorded at the start"
AHEAD: Final = "recorded ahead of the start"
IN_BULK: Final = "recorded in bulk"
TELEMETRY: Final = "telemetry from the future"
TELEMETRY_IN_BULK: Final = "telemetry in bulk"


def _failures(events: pl.DataFrame) -> pl.DataFrame:
    delay = (pl.col("recorded_at") - pl.col("start")).alias("delay")
    return events.filter(pl.col("kind") == EventKind.FAILURE).with_columns(delay)


def check_at_once(events: pl.DataFrame) -> Finding:
    """Look for failures that were recorded at the very moment they began: no person writes that fast."""
    failures = _failures(events)
    hits = failures.filter(pl.col("delay") == pl.duration())
    delays = failures["delay"]
    median, late = (_hours(delays.quantile(share)) for share in (0.5, 0.99))
    return _finding(
        AT_ONCE,
        hits,
        failures.height,
        f"failures are recorded in the moment they start (median delay {median:,.1f} h, 99% within {late:,.1f} h)",
        "record when each failure became known (recorded_at); a record without it counts as known at its start, "
        "so that features know it too soon",
    )


def check_ahead(events: pl.DataFrame) -> Finding:
    """Look for failures that were recorded before they began: planned work, or clocks that differ."""
    failures = _failures(events)
    return _finding(
        AHEAD,
        failures.filter(pl.col("delay") < pl.duration()),
        failures.height,
        "failures are recorded before they start",
        "record planned work as maintenance; set the clocks of both ends by the same source",
    )


def check_in_bulk(events: pl.DataFrame, longest: timedelta) -> Finding:
    """Look for one time of recording shared by failures that began further apart than the longest horizon.

    Such records come from an export that was filled in later.
    """
    failures = _failures(events)
    span = pl.col("start").max().over("recorded_at") - pl.col("start").min().over("recorded_at")
    hits = failures.filter(span > longest)
    late = failures.filter(pl.col("delay") > longest).height
    moments = hits["recorded_at"].n_unique()
    return _finding(
        IN_BULK,
        hits.sort("recorded_at"),
        failures.height,
        f"failures share {moments:,} moments of recording with others that began over {format_duration(longest)} "
        f"apart; {late:,} were recorded over {format_duration(longest)} late",
        "give recorded_at of the original entry, not of the export: a live forecast knew these failures sooner, "
        "or never",
    )


def _severity(hits: int, share: float) -> Severity:
    if not hits:
        return Severity.CLEAR
    return Severity.FOUND if share >= RELEVANT_SHARE else Severity.SUSPICIOUS


def _finding(name: str, hits: pl.DataFrame, count: int, what: str, fix: str) -> Finding:
    if not count:
        return inconclusive(name, "no failure is recorded")
    share = hits.height / count
    nodes = hits.select(NODE, "start").head(MOST_EXAMPLES).iter_rows()
    return Finding(
        name,
        _severity(hits.height, share),
        f"{hits.height:,} of {count:,} {what}; reported as 'found' from {RELEVANT_SHARE:.0%}",
        share,
        RELEVANT_SHARE,
        tuple(f"{node} {start:%Y-%m-%d %H:%M}" for node, start in nodes),
        fix if hits.height else "",
    )


def _hours(delay: float | timedelta | None) -> float:
    return float("nan") if delay is None or isinstance(delay, float) else delay.total_seconds() / 3600


def check_early_telemetry(arrivals: Arrivals) -> Finding:
    """Look for rows whose time is after the moment at which they were known."""
    if not arrivals.rows:
        return inconclusive(TELEMETRY, "there is no telemetry")
    share = arrivals.early / arrivals.rows
    every = "; every row counts as known at its ts (source.delay)" if arrivals.at_once == arrivals.rows else ""
    return Finding(
        TELEMETRY,
        _severity(arrivals.early, share),
        f"{arrivals.early:,} of {arrivals.rows:,} rows were known before their own time, and quarantined; "
        f"reported as 'found' from {RELEVANT_SHARE:.0%}{every}",
        share,
        RELEVANT_SHARE,
        tuple(f"{node} {ts:%Y-%m-%d %H:%M}" for node, ts in arrivals.early_examples[:MOST_EXAMPLES]),
        "set the nodes' clocks; ts is when a row was measured, available_at when it could be read"
        if arrivals.early
        else "",
    )


def check_telemetry_in_bulk(arrivals: Arrivals, longest: timedelta) -> Finding:
    """Look for rows that became known at one moment although they were measured far apart."""
    if not arrivals.rows:
        return inconclusive(TELEMETRY_IN_BULK, "there is no telemetry")
    share = arrivals.bulk / arrivals.rows
    return Finding(
        TELEMETRY_IN_BULK,
        _severity(arrivals.bulk, share),
        f"{arrivals.bulk:,} of {arrivals.rows:,} rows became known in one moment with others measured over "
        f"{format_duration(longest)} apart; reported as 'found' from {RELEVANT_SHARE:.0%}",
        share,
        RELEVANT_SHARE,
        fix="give available_at of the first arrival, not of the export" if arrivals.bulk else "",
    )
