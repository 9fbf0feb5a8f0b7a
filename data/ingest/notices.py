"""Writes the remarks on an ingest: new and missing metrics, and unknown names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import polars as pl

from data.schema import TS
from data.validation.node_names import describe_unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from data.delta.telemetry import Telemetry
    from data.ingest.preflight import Preflight


def notices(
    preflight: Preflight, before: Collection[str], telemetry: Telemetry, named: Mapping[str, str]
) -> tuple[str, ...]:
    """Return remarks on the nodes and metrics of a source.

    `before` are the metrics that telemetry had; `named` as in unknown_metrics.
    """
    summary = preflight.telemetry
    lines = [f"telemetry: {metric} holds no value in any row" for metric in sorted(summary.empty_metrics)]
    if summary.rows and before:
        lines += _new(sorted(summary.metrics - summary.empty_metrics - set(before)), telemetry)
        lines += _missing(sorted(set(before) - summary.metrics), telemetry)
    if summary.rows:
        lines += unknown_metrics(named, {*before, *summary.metrics})
    return (*lines, *_names(preflight))


def expired(rows: int, dropped_until: datetime | None) -> tuple[str, ...]:
    """Return the remark on rows that were not merged because retention has deleted the telemetry of their time."""
    if not rows:
        return ()
    return (f"telemetry: {rows:,} rows up to {dropped_until:%Y-%m-%d %H:%M} were left out: older than retention keeps",)


def unknown_metrics(named: Mapping[str, str], metrics: Collection[str]) -> list[str]:
    """Return a remark on each metric of {settings key: metric} that telemetry does not have."""
    return [
        f"{key} names no metric of telemetry" + (f" (nearest: {close[0]})" if close else "")
        for key, metric in named.items()
        if metric not in metrics
        for close in [get_close_matches(metric, sorted(metrics), 1)]
    ]


def _new(metrics: Iterable[str], telemetry: Telemetry) -> Iterator[str]:
    for metric in metrics:
        first, _ = _span(telemetry, metric)
        yield (
            f"telemetry: {metric} was not there before; its values begin at {_day(first)}. "
            "A model uses it once it is trained again"
        )


def _missing(metrics: Iterable[str], telemetry: Telemetry) -> Iterator[str]:
    for metric in metrics:
        _, last = _span(telemetry, metric)
        yield f"telemetry: {metric} was there before and is not in this source; its values end at {_day(last)}"


def _span(telemetry: Telemetry, metric: str) -> tuple[datetime | None, datetime | None]:
    """Return the times of the first and the last value of a metric."""
    rows = telemetry.table.select([metric]).filter(pl.col(metric).is_not_null())
    first, last = rows.select(low=pl.col(TS).min(), high=pl.col(TS).max()).collect().row(0)
    return first, last


def _names(preflight: Preflight) -> Iterator[str]:
    names = preflight.names
    if renamed := names.renamed:
        name = min(renamed)
        yield f"{len(renamed):,} names were read as the inventory spells them, such as {name!r} as {renamed[name]!r}"
    unknown = preflight.named_nodes - names.nodes
    if unknown:
        counts = f"{len(unknown):,} of {len(preflight.named_nodes):,}"
        yield f"{counts} nodes are not in the inventory: {describe_unknown(names, unknown)}"


def _day(time: datetime | None) -> str:
    return "no time" if time is None else f"{time:%Y-%m-%d %H:%M} UTC"
