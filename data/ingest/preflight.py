"""A first pass over a whole source that writes nothing, so that a fault in its last row leaves the state untouched."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from data.schema import AVAILABLE_AT, NODE
from data.validation.aliases import recognise
from data.validation.canonical_names import canonicalize_telemetry, spell
from data.validation.cells import metrics_of
from data.validation.node_names import NodeNames, Spelling, require_known_nodes
from data.validation.oddities import count_oddities
from data.validation.rows import (
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
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from data.sources.base import Source


@dataclass(frozen=True, slots=True)
class Tally:
    """What a pass over telemetry found: rows, the newest usable time, and which metrics ever hold a value.

    `nodes` are all that it speaks of, known or not; `oddities` counts what is no fault but worth a remark.
    """

    rows: int
    newest: datetime | None
    metrics: frozenset[str]
    silent: frozenset[str]
    nodes: frozenset[str] = frozenset()
    oddities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SmallTables:
    """A source's small tables, sifted, with the bounds for its telemetry and how its nodes are spelt."""

    bounds: Bounds
    names: NodeNames
    nodes: Sifted
    events: Sifted
    blind: Sifted
    named_nodes: frozenset[str]  # nodes of events, known or not


@dataclass(frozen=True, slots=True)
class Preflight:
    """A sieved source, with what a pass over its telemetry found; `named_nodes` has the nodes of telemetry as well."""

    bounds: Bounds
    names: NodeNames
    nodes: Sifted
    events: Sifted
    blind: Sifted
    named_nodes: frozenset[str]
    telemetry: Tally
    newest: datetime | None


def validate_small_tables(source: Source, bounds: Bounds, names: NodeNames | None = None) -> SmallTables:
    """Check a source, and sift its small tables; `bounds` and `names` know the nodes that earlier inventories listed.

    Raises:
        DataError: if a table can't be read, holds no row that can be used, or names a node ambiguously.
    """
    source.check()
    names = names or NodeNames(Spelling(), bounds.known)
    rows, aliases = recognise(source.nodes(), names)
    nodes = _usable("nodes", sift_nodes(rows, bounds))
    bounds = replace(bounds, known=pl.concat([bounds.known, nodes.good[NODE]]).unique())
    names = NodeNames(names.spelling, bounds.known, aliases)
    spelt = spell(source.events(), names)
    events = sift_events(spelt, bounds)
    if not events.good.height:
        require_known_nodes(names, _named(spelt))  # says more than that no row can be used
    _usable("events", events)
    blind = _usable("blind", sift_blind(source.blind(), bounds))
    return SmallTables(bounds, names, nodes, events, blind, _named(spelt))


def survey(source: Source, bounds: Bounds, names: NodeNames | None = None) -> Preflight:
    """Read and check all of a source; `bounds` and `names` know the nodes that earlier inventories listed.

    An inventory that does not say how new it is is as new as the newest time in the source; of two that are
    equally new, the one that was written later wins, so that a correction does.

    Raises:
        DataError: if a table can't be read, holds no row that can be used, or names a node ambiguously.
    """
    found = validate_small_tables(source, bounds, names)
    nodes, events, latest = found.nodes, found.events, bounds.latest
    telemetry = _tally(source.telemetry(), found)
    newest = _newest([telemetry.newest, *_times(events.good, latest), *_times(nodes.good, latest)])
    is_ahead = pl.col("revised_at") > latest  # a clock ahead must not win for good
    revised = pl.when(is_ahead).then(pl.lit(latest)).otherwise("revised_at").alias("revised_at")
    dated = nodes.good.with_columns(pl.col("as_of").fill_null(pl.lit(newest)), revised)
    dated_nodes, named_nodes = replace(nodes, good=dated), found.named_nodes | telemetry.nodes
    return Preflight(found.bounds, found.names, dated_nodes, events, found.blind, named_nodes, telemetry, newest)


def _usable(table: str, sifted: Sifted) -> Sifted:
    require_usable(table, sifted.good.height, count_reasons(sifted.rejected))
    return sifted


def _tally(batches: Iterable[pl.DataFrame], found: SmallTables) -> Tally:
    rows, usable, rejected, oddities = 0, 0, Counter[str](), Counter[str]()
    newest, metrics, filled, nodes = None, set[str](), set[str](), frozenset[str]()
    for batch in batches:
        spelt = canonicalize_telemetry(batch, found.names)
        sifted = sift_telemetry(spelt, found.bounds)
        rows, usable = rows + batch.height, usable + sifted.good.height
        rejected.update(count_reasons(sifted.rejected))
        newest = _newest([newest, *sifted.good.select(pl.col(AVAILABLE_AT).max()).row(0)])
        metrics.update(metrics_of(batch))
        filled.update(name for name in metrics if name in batch.columns and sifted.good[name].count())
        nodes |= _named(spelt)
        oddities += count_oddities(spelt, sifted.good, found.bounds.describe)
    if not usable:
        require_known_nodes(found.names, nodes)
    require_usable("telemetry", usable, rejected)
    return Tally(rows, newest, frozenset(metrics), frozenset(metrics - filled), nodes, oddities)


def _named(rows: pl.DataFrame) -> frozenset[str]:
    return frozenset(rows[NODE].unique().drop_nulls()) - {""}


def _times(rows: pl.DataFrame, latest: datetime) -> tuple[datetime | None, ...]:
    """Give the newest time in each column that says when something was known, planned times left out."""
    known = [name for name in ("recorded_at", "end_recorded_at", "observed_from", "as_of") if name in rows.columns]
    return rows.select(pl.col(name).filter(pl.col(name) <= latest).max() for name in known).row(0)


def _newest(times: Iterable[datetime | None]) -> datetime | None:
    return max((time for time in times if time is not None), default=None)
