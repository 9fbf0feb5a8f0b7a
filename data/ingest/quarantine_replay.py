"""Tries quarantined rows again, once an inventory, an alias or a range was mended; what is good now goes to its table.

Rows are merged first and leave the quarantine last, and merging twice changes nothing, so a replay can be cut off
anywhere and run again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.delta.telemetry import TelemetryChange
from data.ingest.quarantine import Quarantine, decode, decode_cells
from data.ingest.quarantined_cells import CELL, filled, is_cell, is_possible, is_settled, rows_of
from data.schema import NODE, TELEMETRY_KEYS, TS, UTC
from data.validation.aliases import known_nodes
from data.validation.canonical_names import canonicalize_telemetry, spell
from data.validation.column_names import require_metrics
from data.validation.rows import Bounds, judge, sift_blind, sift_events, sift_nodes, sift_telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from data.delta.store import Store
    from data.ingest.ingest import Clock, IngestOptions
    from data.sql.records import Records
    from data.validation.node_names import NodeNames

SIFTS: Final = {"nodes": sift_nodes, "events": sift_events, "blind": sift_blind, "telemetry": sift_telemetry}
SLICE: Final = 1 << 16  # rows that are tried at once


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """How many rows and cells of each table left the quarantine, how many of those tried stay, and the buckets."""

    released: Mapping[str, int]
    kept: Mapping[str, int]
    buckets: int


def replay(
    store: Store, records: Records, clock: Clock, options: IngestOptions, chosen: pl.Expr | None = None
) -> ReplayReport:
    """Sift the chosen quarantined rows (default: all) again, and merge those that are good now.

    Raises:
        DataError: if a node is named ambiguously.
        InfrastructureError: if another process is writing, or the disk is full; then run it again.
    """
    with store.exclusive_lock(options.lock_timeout):
        quarantine, trial = Quarantine(store.quarantine), _Trial(store, records, options, clock())
        tried = quarantine.read().filter(pl.lit(value=True) if chosen is None else chosen)
        change, released = trial.no_change(), [tried.clear()]
        usable = tried.filter(~_is_expired(store.telemetry.dropped_until()))
        for table in SIFTS:  # the inventory first: it makes nodes known
            for piece in _pieces(usable.filter(pl.col("table") == table)):
                gone, changed = trial.of_cells(piece) if piece[CELL][0] else trial.of_rows(table, piece)
                released.append(gone.select(tried.columns))
                change = change.followed_by(changed)
        buckets = store.buckets.refresh(store.telemetry, change)
        gone = pl.concat(released)
        quarantine.remove(gone)
    counts = {table: _count(gone, table) for table in SIFTS}
    return ReplayReport(counts, {table: _count(tried, table) - count for table, count in counts.items()}, buckets)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A state whose quarantine is tried, and as of when."""

    store: Store
    records: Records
    options: IngestOptions
    now: datetime

    def no_change(self) -> TelemetryChange:
        return TelemetryChange.none(self.store.telemetry.table.version())

    def of_rows(self, table: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, TelemetryChange]:
        """Merge the rows that no reason stands against any more; give them, and what they changed in telemetry."""
        names = known_nodes(self.options.spelling, self.records.nodes())
        known = pl.Series(NODE, sorted(names.nodes), pl.String)
        latest = self.now + self.options.tolerance
        bounds = Bounds(str(rows["source"][0]), latest, known, self.options.expected.describe)
        read = decode(table, rows["row"].to_list())
        is_good = judge(table, spell(read, names) if NODE in read.columns else read, bounds).is_null()
        sifted = SIFTS[table](_spelt(table, read.filter(is_good), names), bounds)
        change = self._merge(table, sifted.good)
        Quarantine(self.store.quarantine).add(sifted.rejected, self.now)
        return rows.filter(is_good), change

    def of_cells(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, TelemetryChange]:
        """Fill the cells that are possible now into their rows; give those, and the ones that are settled anyhow."""
        cells = decode_cells(rows["row"].to_list())
        stored = rows_of(cells, self.store.telemetry.table.scan())
        fits = is_possible(cells, self.options.expected.describe)
        change = self._merge("telemetry", filled(cells.filter(fits), stored)) if fits.any() else self.no_change()
        return rows.filter(fits | is_settled(cells, stored)), change

    def _merge(self, table: str, rows: pl.DataFrame) -> TelemetryChange:
        if table != "telemetry":
            merges = {"nodes": self.records.merge_nodes, "events": self.records.merge_events}
            merges.get(table, self.records.merge_blind)(rows)
            return self.no_change()
        stored = self.store.telemetry.table.schema()
        require_metrics("the quarantine", {*stored, *rows.columns} - {*TELEMETRY_KEYS})
        return self.store.telemetry.merge(
            rows.cast({name: kind for name, kind in stored.items() if name in rows.columns})
        )


def _spelt(table: str, rows: pl.DataFrame, names: NodeNames) -> pl.DataFrame:
    """Spell as an ingest would; an inventory row of no age, which wins over no other, is itself."""
    if table == "telemetry":
        return canonicalize_telemetry(rows, names)
    return spell(rows, names) if table == "events" else rows


def _is_expired(dropped_until: datetime | None) -> pl.Expr:
    """Pick the telemetry of a time of which retention has dropped the samples: it can't be merged any more."""
    is_old = (pl.col("table") == "telemetry") & (pl.col(TS) <= pl.lit(dropped_until, UTC))
    return is_old.fill_null(value=False)


def _pieces(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Part rows by source, whole rows from cells, in pieces of bounded size."""
    for part in rows.with_columns(is_cell("row").alias(CELL)).partition_by("source", CELL, maintain_order=True):
        yield from part.iter_slices(SLICE)


def _count(rows: pl.DataFrame, table: str) -> int:
    return rows.filter(pl.col("table") == table).height
