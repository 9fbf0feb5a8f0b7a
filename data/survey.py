"""A first pass over a whole source that writes nothing, so that a fault in its last row leaves the state untouched."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from data.schema import AVAILABLE_AT, NODE, TELEMETRY_KEYS, UNREADABLE
from data.validate import (
    Bounds,
    Sifted,
    count_reasons,
    require_usable,
    sift_blind,
    sift_events,
    sift_nodes,
    sift_telemetry,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from data.source import Source


@dataclass(frozen=True, slots=True)
class Tally:
    """What a pass over telemetry found: rows, the newest usable time, and which metrics ever hold a value."""

    rows: int
    newest: datetime | None
    metrics: frozenset[str]
    silent: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sieved:
    """A source's small tables, sifted, with the bounds for its telemetry."""

    bounds: Bounds
    nodes: Sifted
    events: Sifted
    blind: Sifted


@dataclass(frozen=True, slots=True)
class Survey:
    """A source's small tables, sifted, with the bounds for its telemetry and what a pass over that found."""

    bounds: Bounds
    nodes: Sifted
    events: Sifted
    blind: Sifted
    telemetry: Tally
    newest: datetime | None


def sieve(source: Source, bounds: Bounds) -> Sieved:
    """Check a source, and sift its small tables; `bounds` know the nodes that earlier inventories listed.

    Raises:
        DataError: if a table can't be read, or holds no row that can be used.
    """
    source.check()
    nodes = _usable("nodes", sift_nodes(source.nodes(), bounds))
    bounds = replace(bounds, known=pl.concat([bounds.known, nodes.good[NODE]]).unique())
    events = _usable("events", sift_events(source.events(), bounds))
    return Sieved(bounds, nodes, events, _usable("blind", sift_blind(source.blind(), bounds)))


def survey(source: Source, bounds: Bounds) -> Survey:
    """Read and check all of a source; `bounds` know the nodes that earlier inventories listed.

    An inventory that does not say how new it is is as new as the newest time in the source.

    Raises:
        DataError: if a table can't be read, or holds no row that can be used.
    """
    found = sieve(source, bounds)
    nodes, events, latest = found.nodes, found.events, bounds.latest
    telemetry = _tally(source.telemetry(), found.bounds)
    newest = _newest([telemetry.newest, *_times(events.good, latest), *_times(nodes.good, latest)])
    dated = nodes.good.with_columns(pl.col("as_of").fill_null(pl.lit(newest)))
    return Survey(found.bounds, replace(nodes, good=dated), events, found.blind, telemetry, newest)


def _usable(table: str, sifted: Sifted) -> Sifted:
    require_usable(table, sifted.good.height, count_reasons(sifted.rejected))
    return sifted


def _tally(batches: Iterable[pl.DataFrame], bounds: Bounds) -> Tally:
    rows, usable, rejected = 0, 0, Counter[str]()
    newest, metrics, filled = None, set[str](), set[str]()
    for batch in batches:
        sifted = sift_telemetry(batch, bounds)
        rows, usable = rows + batch.height, usable + sifted.good.height
        rejected.update(count_reasons(sifted.rejected))
        newest = _newest([newest, *sifted.good.select(pl.col(AVAILABLE_AT).max()).row(0)])
        metrics.update(name for name in batch.columns if name not in (*TELEMETRY_KEYS, UNREADABLE))
        filled.update(name for name in metrics if name in batch.columns and sifted.good[name].count())
    require_usable("telemetry", usable, rejected)
    return Tally(rows, newest, frozenset(metrics), frozenset(metrics - filled))


def _times(rows: pl.DataFrame, latest: datetime) -> tuple[datetime | None, ...]:
    """Give the newest time in each column that says when something was known, planned times left out."""
    known = [name for name in ("recorded_at", "end_recorded_at", "observed_from", "as_of") if name in rows.columns]
    return rows.select(pl.col(name).filter(pl.col(name) <= latest).max() for name in known).row(0)


def _newest(times: Iterable[datetime | None]) -> datetime | None:
    return max((time for time in times if time is not None), default=None)
