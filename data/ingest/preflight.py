"""Reads and checks a whole source without writing, so that a fault in its last row leaves the state unchanged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from data.schema import AVAILABLE_AT, NODE
from data.validation.aliases import recognise_nodes
from data.validation.canonical_names import canonicalize, canonicalize_telemetry
from data.validation.cells import metrics_of
from data.validation.node_names import NodeNames, SpellingRules, require_known_nodes
from data.validation.oddities import count_oddities
from data.validation.rows import (
    Bounds,
    ValidatedRows,
    count_reasons,
    require_usable,
    validate_blind,
    validate_events,
    validate_nodes,
    validate_telemetry,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from data.sources.base import Source


@dataclass(frozen=True, slots=True)
class TelemetrySummary:
    """The rows, newest valid time and metrics of a source's telemetry; `empty_metrics` have no value at all.

    `nodes` are all names in telemetry, known or not; `oddities` counts what is no fault but worth a remark.
    """

    rows: int
    newest: datetime | None
    metrics: frozenset[str]
    empty_metrics: frozenset[str]
    nodes: frozenset[str] = frozenset()
    oddities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SmallTables:
    """A source's validated small tables, with the bounds for its telemetry and the names of its nodes."""

    bounds: Bounds
    names: NodeNames
    nodes: ValidatedRows
    events: ValidatedRows
    blind: ValidatedRows
    named_nodes: frozenset[str]  # all names in events, known or not


@dataclass(frozen=True, slots=True)
class Preflight:
    """The validated small tables of a source and a summary of its telemetry; `named_nodes` includes telemetry."""

    bounds: Bounds
    names: NodeNames
    nodes: ValidatedRows
    events: ValidatedRows
    blind: ValidatedRows
    named_nodes: frozenset[str]
    telemetry: TelemetrySummary
    newest: datetime | None


def validate_small_tables(source: Source, bounds: Bounds, names: NodeNames | None = None) -> SmallTables:
    """Check a source and validate its small tables; `bounds` and `names` have the nodes of earlier inventories.

    Raises:
        DataError: if a table can't be read, has no usable row, or a node's name is ambiguous.
    """
    source.check()
    names = names or NodeNames(SpellingRules(), bounds.known_nodes)
    inventory, aliases = recognise_nodes(source.nodes(), names)
    nodes = _usable("nodes", validate_nodes(inventory, bounds))
    bounds = replace(bounds, known_nodes=pl.concat([bounds.known_nodes, nodes.valid[NODE]]).unique())
    names = NodeNames(names.spelling, bounds.known_nodes, aliases)
    rows = canonicalize(source.events(), names)
    events = validate_events(rows, bounds)
    if not events.valid.height:
        require_known_nodes(names, _nodes_in(rows))  # a better message than that no row can be used
    _usable("events", events)
    blind = _usable("blind", validate_blind(source.blind(), bounds))
    return SmallTables(bounds, names, nodes, events, blind, _nodes_in(rows))


def run_preflight(source: Source, bounds: Bounds, names: NodeNames | None = None) -> Preflight:
    """Read and check a whole source; `bounds` and `names` have the nodes of earlier inventories.

    The default of `as_of` in an inventory is the newest time in the source. Of two equally new inventories, the one
    that was written later wins, so that corrections are possible.

    Raises:
        DataError: if a table can't be read, has no usable row, or a node's name is ambiguous.
    """
    tables = validate_small_tables(source, bounds, names)
    nodes, events, latest = tables.nodes, tables.events, bounds.latest
    telemetry = _summarize(source.telemetry(), tables)
    newest = _newest([telemetry.newest, *_times(events.valid, latest), *_times(nodes.valid, latest)])
    is_ahead = pl.col("revised_at") > latest  # a fast clock must not win forever
    revised = pl.when(is_ahead).then(pl.lit(latest)).otherwise("revised_at").alias("revised_at")
    dated = nodes.valid.with_columns(pl.col("as_of").fill_null(pl.lit(newest)), revised)
    dated_nodes, named_nodes = replace(nodes, valid=dated), tables.named_nodes | telemetry.nodes
    return Preflight(tables.bounds, tables.names, dated_nodes, events, tables.blind, named_nodes, telemetry, newest)


def _usable(table: str, rows: ValidatedRows) -> ValidatedRows:
    """Return the rows; raise EmptyTableError if all of them were rejected."""
    require_usable(table, rows.valid.height, count_reasons(rows.rejected))
    return rows


def _summarize(batches: Iterable[pl.DataFrame], tables: SmallTables) -> TelemetrySummary:
    rows, usable, rejected, oddities = 0, 0, Counter[str](), Counter[str]()
    newest, metrics, filled, nodes = None, set[str](), set[str](), frozenset[str]()
    for batch in batches:
        renamed = canonicalize_telemetry(batch, tables.names)
        validated = validate_telemetry(renamed, tables.bounds)
        rows, usable = rows + batch.height, usable + validated.valid.height
        rejected.update(count_reasons(validated.rejected))
        newest = _newest([newest, *validated.valid.select(pl.col(AVAILABLE_AT).max()).row(0)])
        metrics.update(metrics_of(batch))
        filled.update(name for name in metrics if name in batch.columns and validated.valid[name].count())
        nodes |= _nodes_in(renamed)
        oddities += count_oddities(renamed, validated.valid, tables.bounds.describe)
    if not usable:
        require_known_nodes(tables.names, nodes)
    require_usable("telemetry", usable, rejected)
    return TelemetrySummary(rows, newest, frozenset(metrics), frozenset(metrics - filled), nodes, oddities)


def _nodes_in(rows: pl.DataFrame) -> frozenset[str]:
    return frozenset(rows[NODE].unique().drop_nulls()) - {""}


def _times(rows: pl.DataFrame, latest: datetime) -> tuple[datetime | None, ...]:
    """Return the newest time of each column that is never planned ahead; later times than `latest` are ignored."""
    columns = [name for name in ("recorded_at", "end_recorded_at", "observed_from", "as_of") if name in rows.columns]
    return rows.select(pl.col(name).filter(pl.col(name) <= latest).max() for name in columns).row(0)


def _newest(times: Iterable[datetime | None]) -> datetime | None:
    return max((time for time in times if time is not None), default=None)
