"""Validates quarantined rows again after an inventory, alias or range was corrected, and merges what is valid now.

Rows are merged first and removed from quarantine last, and merging twice changes nothing. So a replay can be
interrupted anywhere and run again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.delta.telemetry import TelemetryChange
from data.ingest.quarantine import Quarantine, decode, decode_cells
from data.ingest.quarantined_cells import CELL, fill_cells, is_cell, is_possible, is_stored, stored_rows
from data.schema import NODE, TELEMETRY_KEYS, TS, UTC
from data.validation.aliases import stored_names
from data.validation.canonical_names import canonicalize, canonicalize_telemetry
from data.validation.column_names import require_metrics
from data.validation.rows import (
    Bounds,
    rejection_reasons,
    validate_blind,
    validate_events,
    validate_nodes,
    validate_telemetry,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from data.delta.store import Store
    from data.ingest.ingest import Clock, IngestOptions
    from data.sql.records import Records
    from data.validation.node_names import NodeNames

VALIDATORS: Final = {
    "nodes": validate_nodes,
    "events": validate_events,
    "blind": validate_blind,
    "telemetry": validate_telemetry,
}
SLICE: Final = 1 << 16  # rows that are replayed at once


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """The released and the kept rows and cells of each table, and the number of buckets rolled up."""

    released: Mapping[str, int]
    kept: Mapping[str, int]
    buckets: int


def replay(
    store: Store, records: Records, clock: Clock, options: IngestOptions, selected: pl.Expr | None = None
) -> ReplayReport:
    """Validate the selected quarantined rows (default: all) again, and merge those that are valid now.

    Raises:
        DataError: if a node's name is ambiguous.
        InfrastructureError: if another process is writing, or the disk is full; run it again.
    """
    with store.exclusive_lock(options.lock_timeout):
        quarantine, replayed = Quarantine(store.quarantine), _Replay(store, records, options, clock())
        rows = quarantine.read().filter(pl.lit(value=True) if selected is None else selected)
        change, released = replayed.no_change(), [rows.clear()]
        mergeable = rows.filter(~_is_expired(store.telemetry.dropped_until()))
        for table in VALIDATORS:  # the inventory first: its nodes are known afterwards
            for piece in _pieces(mergeable.filter(pl.col("table") == table)):
                valid, changed = replayed.cells(piece) if piece[CELL][0] else replayed.rows(table, piece)
                released.append(valid.select(rows.columns))
                change = change.followed_by(changed)
        buckets = store.buckets.refresh(store.telemetry, change)
        all_released = pl.concat(released)
        quarantine.remove(all_released)
    counts = {table: _count(all_released, table) for table in VALIDATORS}
    return ReplayReport(counts, {table: _count(rows, table) - count for table, count in counts.items()}, buckets)


@dataclass(frozen=True, slots=True)
class _Replay:
    """Replays pieces of the quarantine of a state as of `now`."""

    store: Store
    records: Records
    options: IngestOptions
    now: datetime

    def no_change(self) -> TelemetryChange:
        return TelemetryChange.none(self.store.telemetry.table.version())

    def rows(self, table: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, TelemetryChange]:
        """Merge the rows that are valid now; return them, and their change of telemetry."""
        names = stored_names(self.options.spelling, self.records.nodes())
        known_nodes = pl.Series(NODE, sorted(names.nodes), pl.String)
        latest = self.now + self.options.tolerance
        bounds = Bounds(str(rows["source"][0]), latest, known_nodes, self.options.expected.describe)
        decoded = decode(table, rows["row"].to_list())
        renamed = canonicalize(decoded, names) if NODE in decoded.columns else decoded
        is_valid = rejection_reasons(table, renamed, bounds).is_null()
        validated = VALIDATORS[table](_renamed(table, decoded.filter(is_valid), names), bounds)
        change = self._merge(table, validated.valid)
        Quarantine(self.store.quarantine).add(validated.rejected, self.now)
        return rows.filter(is_valid), change

    def cells(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, TelemetryChange]:
        """Fill the cells that are possible now into their rows; return these and the ones that are stored already."""
        cells = decode_cells(rows["row"].to_list())
        stored = stored_rows(cells, self.store.telemetry.table.scan())
        fits = is_possible(cells, self.options.expected.describe)
        change = self._merge("telemetry", fill_cells(cells.filter(fits), stored)) if fits.any() else self.no_change()
        return rows.filter(fits | is_stored(cells, stored)), change

    def _merge(self, table: str, rows: pl.DataFrame) -> TelemetryChange:
        if table != "telemetry":
            merges = {"nodes": self.records.merge_nodes, "events": self.records.merge_events}
            merges.get(table, self.records.merge_blind)(rows)
            return self.no_change()
        stored = self.store.telemetry.table.schema()
        require_metrics("the quarantine", {*stored, *rows.columns} - {*TELEMETRY_KEYS})
        return self.store.telemetry.merge(
            rows.cast({name: dtype for name, dtype in stored.items() if name in rows.columns})
        )


def _renamed(table: str, rows: pl.DataFrame, names: NodeNames) -> pl.DataFrame:
    """Rename nodes as an ingest does; rows of the inventory keep their names."""
    if table == "telemetry":
        return canonicalize_telemetry(rows, names)
    return canonicalize(rows, names) if table == "events" else rows


def _is_expired(dropped_until: datetime | None) -> pl.Expr:
    """Return whether a row is telemetry of a time of which retention has deleted the samples: it can't be merged."""
    is_old = (pl.col("table") == "telemetry") & (pl.col(TS) <= pl.lit(dropped_until, UTC))
    return is_old.fill_null(value=False)


def _pieces(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield pieces of bounded size, each of one source and either of rows or of cells."""
    for group in rows.with_columns(is_cell("row").alias(CELL)).partition_by("source", CELL, maintain_order=True):
        yield from group.iter_slices(SLICE)


def _count(rows: pl.DataFrame, table: str) -> int:
    return rows.filter(pl.col("table") == table).height
