"""Says what a person should know of an ingest: metrics that came or went, names that were not as_nodeward_error."""

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
    found: Preflight, before: Collection[str], telemetry: Telemetry, named: Mapping[str, str]
) -> tuple[str, ...]:
    """Return remarks on the nodes and metrics of a source.

    `before` are the metrics that telemetry had; `named` as in unknown_metrics.
    """
    told = found.telemetry
    lines = [f"telemetry: {metric} holds no value in any row" for metric in sorted(told.silent)]
    if told.rows and before:
        lines += _new(sorted(told.metrics - told.silent - set(before)), telemetry)
        lines += _gone(sorted(set(before) - told.metrics), telemetry)
    if told.rows:
        lines += unknown_metrics(named, {*before, *told.metrics})
    return (*lines, *_names(found))


def expired(rows: int, dropped_until: datetime | None) -> tuple[str, ...]:
    """Say how many rows were left out since retention has dropped the telemetry of their time."""
    if not rows:
        return ()
    return (f"telemetry: {rows:,} rows up to {dropped_until:%Y-%m-%d %H:%M} were left out: older than retention keeps",)


def unknown_metrics(named: Mapping[str, str], metrics: Collection[str]) -> list[str]:
    """Name the metrics that the settings speak of, as {key: metric}, and telemetry does not have."""
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


def _gone(metrics: Iterable[str], telemetry: Telemetry) -> Iterator[str]:
    for metric in metrics:
        _, last = _span(telemetry, metric)
        yield f"telemetry: {metric} was there before and is not in this source; its values end at {_day(last)}"


def _span(telemetry: Telemetry, metric: str) -> tuple[datetime | None, datetime | None]:
    """Give the times of a metric's first and last value."""
    valued = telemetry.table.select([metric]).filter(pl.col(metric).is_not_null())
    first, last = valued.select(low=pl.col(TS).min(), high=pl.col(TS).max()).collect().row(0)
    return first, last


def _names(found: Preflight) -> Iterator[str]:
    names = found.names
    if respelt := names.respelt:
        own = min(respelt)
        yield f"{len(respelt):,} names were read as the inventory spells them, such as {own!r} as {respelt[own]!r}"
    unknown = found.named_nodes - names.nodes
    if unknown:
        counts = f"{len(unknown):,} of {len(found.named_nodes):,}"
        yield f"{counts} nodes are not in the inventory: {describe_unknown(names, unknown)}"


def _day(moment: datetime | None) -> str:
    return "no time" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
