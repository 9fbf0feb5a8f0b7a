"""When things became known: what is recorded at once, ahead of time or in bulk was not known like that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import NODE, EventKind
from models.audit.finding import SHOWN, Finding, Severity, inconclusive
from models.audit.significance import MATTERS

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


def at_once(events: pl.DataFrame) -> Finding:
    """Look for failures that were known in the very moment they began: nobody writes that fast."""
    failures = _failures(events)
    hits = failures.filter(pl.col("delay") == pl.duration())
    delays = failures["delay"]
    middle, late = (_hours(delays.quantile(share)) for share in (0.5, 0.99))
    return _shared(
        AT_ONCE,
        hits,
        failures.height,
        f"failures are recorded in the moment they start (median delay {middle:,.1f} h, 99% within {late:,.1f} h)",
        "record when each failure became known (recorded_at); a record without it counts as known at its start, "
        "so that features know it too soon",
    )


def ahead(events: pl.DataFrame) -> Finding:
    """Look for failures that were recorded before they began: planned work, or clocks that differ."""
    failures = _failures(events)
    return _shared(
        AHEAD,
        failures.filter(pl.col("delay") < pl.duration()),
        failures.height,
        "failures are recorded before they start",
        "record planned work as maintenance; set the clocks of both ends by the same source",
    )


def in_bulk(events: pl.DataFrame, longest: timedelta) -> Finding:
    """Look for one moment of recording shared by failures that began far apart: an export, filled in later."""
    failures = _failures(events)
    span = pl.col("start").max().over("recorded_at") - pl.col("start").min().over("recorded_at")
    hits = failures.filter(span > longest)
    late = failures.filter(pl.col("delay") > longest).height
    groups = hits["recorded_at"].n_unique()
    return _shared(
        IN_BULK,
        hits.sort("recorded_at"),
        failures.height,
        f"failures share {groups:,} moments of recording with others that began over {longest.days} days apart; "
        f"{late:,} were recorded over {longest.days} days late",
        "give recorded_at of the original entry, not of the export: a live forecast knew these failures sooner, "
        "or never",
    )


def _shared(name: str, hits: pl.DataFrame, count: int, what: str, mend: str) -> Finding:
    if not count:
        return inconclusive(name, "no failure is recorded")
    share = hits.height / count
    verdict = Severity.CLEAR if not hits.height else Severity.FOUND if share >= MATTERS else Severity.SUSPICIOUS
    examples = [f"{node} {start:%Y-%m-%d %H:%M}" for node, start in hits.select(NODE, "start").head(SHOWN).iter_rows()]
    told = f"{hits.height:,} of {count:,} {what}; found from {MATTERS:.0%} on"
    return Finding(name, verdict, told, share, MATTERS, tuple(examples), mend if hits.height else "")


def _hours(delay: float | timedelta | None) -> float:
    return float("nan") if delay is None or isinstance(delay, float) else delay.total_seconds() / 3600


def telemetry_early(told: Arrivals) -> Finding:
    """Look for rows whose time lies after the moment at which they were known."""
    if not told.rows:
        return inconclusive(TELEMETRY, "there is no telemetry")
    share = told.early / told.rows
    verdict = Severity.CLEAR if not told.early else Severity.FOUND if share >= MATTERS else Severity.SUSPICIOUS
    once = "; every row counts as known at its ts (source.delay)" if told.at_once == told.rows else ""
    return Finding(
        TELEMETRY,
        verdict,
        f"{told.early:,} of {told.rows:,} rows were known before their own time, and quarantined; "
        f"found from {MATTERS:.0%} on{once}",
        share,
        MATTERS,
        tuple(f"{node} {ts:%Y-%m-%d %H:%M}" for node, ts in told.early_examples[:SHOWN]),
        "set the nodes' clocks; ts is when a row was measured, available_at when it could be read"
        if told.early
        else "",
    )


def telemetry_in_bulk(told: Arrivals, longest: timedelta) -> Finding:
    """Look for rows that became known in one moment although they were measured far apart."""
    if not told.rows:
        return inconclusive(TELEMETRY_IN_BULK, "there is no telemetry")
    share = told.bulk / told.rows
    verdict = Severity.FOUND if share >= MATTERS else Severity.SUSPICIOUS if told.bulk else Severity.CLEAR
    return Finding(
        TELEMETRY_IN_BULK,
        verdict,
        f"{told.bulk:,} of {told.rows:,} rows became known in one moment with others measured over "
        f"{longest.days} days apart; found from {MATTERS:.0%} on",
        share,
        MATTERS,
        mend="give available_at of the first arrival, not of the export" if told.bulk else "",
    )
