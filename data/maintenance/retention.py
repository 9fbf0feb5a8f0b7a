"""Keeps a state from growing without end: drops what retention says, compacts, and vacuums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from data.delta.compaction import SAFE, TableSize, compact, delete_until, table_size, vacuum
from data.delta.telemetry import TelemetryChange
from data.ingest.quarantine import QUARANTINED_AT, Quarantine
from data.schema import TS
from data.time_grid import floor_time

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from data.delta.store import Store
    from data.delta.table import Table
    from data.sql.records import Records


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind of record is kept; None: for ever."""

    telemetry: timedelta | None = None
    buckets: timedelta | None = None
    scores: timedelta | None = None
    quarantine: timedelta | None = None
    decisions: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How large a table was and is, and how many files that no version needs any more were removed."""

    before: TableSize
    after: TableSize
    removed_files: int


@dataclass(frozen=True, slots=True)
class MaintainReport:
    """What became of each table, which old versions were spared, and what else was deleted."""

    tables: Mapping[str, Upkeep]
    spared: Mapping[str, tuple[int, ...]]
    decisions: int
    dropped_until: datetime | None


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What to keep: by time, as of `now`; and of each table, versions that something cites."""

    retention: Retention
    now: datetime
    cited: Mapping[str, Collection[int]]
    keep_versions: timedelta = SAFE
    lock_timeout: timedelta = timedelta(seconds=30)


def maintain(store: Store, records: Records, plan: RetentionPlan) -> MaintainReport:
    """Drop, compact and vacuum. Telemetry is rolled up before any of it is dropped.

    Raises:
        InfrastructureError: if another process is writing; run again, nothing is lost.
    """
    with store.exclusive_lock(plan.lock_timeout):
        store.buckets.refresh(store.telemetry, TelemetryChange.none(store.telemetry.table.version()))
        tables = {table.name: table for table in store.tables()}
        before = {name: table_size(table) for name, table in tables.items()}
        _drop(store, plan)
        for table in tables.values():
            compact(table)
        _settle(store)
        spared = {name: _spared(name, store, plan) for name in tables}
        removed = {name: vacuum(table, spared[name], plan.keep_versions) for name, table in tables.items()}
        _settle(store)
        return MaintainReport(
            {name: Upkeep(before[name], table_size(table), removed[name]) for name, table in tables.items()},
            {name: versions for name, versions in spared.items() if versions},
            _forget(records, plan),
            store.telemetry.dropped_until(),
        )


def _drop(store: Store, plan: RetentionPlan) -> None:
    keep = plan.retention
    if keep.telemetry is not None:
        store.telemetry.drop(floor_time(plan.now - keep.telemetry, store.buckets.width))
    for table, time in (
        (store.buckets.table, keep.buckets),
        (store.scores.table, keep.scores),
    ):
        if time is not None:
            delete_until(table, plan.now - time)
    if keep.quarantine is not None:  # by when they came: rows of long ago may have come today
        Quarantine(store.quarantine).purge(plan.now - keep.quarantine, pl.coalesce(QUARANTINED_AT, TS).is_not_null())


def _forget(records: Records, plan: RetentionPlan) -> int:
    keep = plan.retention.decisions
    return 0 if keep is None else records.delete_decisions(plan.now - keep)


def _settle(store: Store) -> None:
    """Have readers of buckets move on to what was deleted and compacted, and the next ingest take it as it is."""
    if store.telemetry.table.version() >= 0 and not store.buckets.is_finished(store.telemetry):
        store.buckets.mark_finished(store.telemetry)


def _spared(name: str, store: Store, plan: RetentionPlan) -> tuple[int, ...]:
    """Give the versions of a table that are cited, and of the buckets the one that readers are on."""
    table: Table = store.buckets.finished_table()
    own = {table.version()} if name == table.name else set()
    return tuple(sorted(version for version in own.union(plan.cited.get(name, ())) if version >= 0))
