"""Keeps a state from growing without limit: deletes by the retention settings, compacts and vacuums."""

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
    from data.sql.records import Records


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind of record is kept; None: forever."""

    telemetry: timedelta | None = None
    buckets: timedelta | None = None
    scores: timedelta | None = None
    quarantine: timedelta | None = None
    decisions: timedelta | None = None


@dataclass(frozen=True, slots=True)
class TableMaintenance:
    """The size of a table before and after maintenance, and the number of removed files."""

    before: TableSize
    after: TableSize
    removed_files: int


@dataclass(frozen=True, slots=True)
class MaintainReport:
    """What maintenance did: each table, the protected old versions, and what else was deleted."""

    tables: Mapping[str, TableMaintenance]
    spared: Mapping[str, tuple[int, ...]]
    decisions: int
    dropped_until: datetime | None


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What to keep: by time as of `now`, and `cited` versions of each table."""

    retention: Retention
    now: datetime
    cited: Mapping[str, Collection[int]]
    keep_versions: timedelta = SAFE
    lock_timeout: timedelta = timedelta(seconds=30)


def maintain(store: Store, records: Records, plan: RetentionPlan) -> MaintainReport:
    """Delete, compact and vacuum; telemetry is rolled up before any of it is deleted.

    Raises:
        InfrastructureError: if another process is writing; nothing is lost and it can be run again.
    """
    with store.exclusive_lock(plan.lock_timeout):
        store.buckets.refresh(store.telemetry, TelemetryChange.none(store.telemetry.table.version()))
        tables = {table.name: table for table in store.tables()}
        before = {name: table_size(table) for name, table in tables.items()}
        _delete(store, plan)
        for table in tables.values():
            compact(table)
        _mark_finished(store)
        protected = {name: store.protected_versions(name, plan.cited) for name in tables}
        removed = {name: vacuum(table, protected[name], plan.keep_versions) for name, table in tables.items()}
        _mark_finished(store)
        return MaintainReport(
            {name: TableMaintenance(before[name], table_size(table), removed[name]) for name, table in tables.items()},
            {name: versions for name, versions in protected.items() if versions},
            _delete_decisions(records, plan),
            store.telemetry.dropped_until(),
        )


def _delete(store: Store, plan: RetentionPlan) -> None:
    keep = plan.retention
    if keep.telemetry is not None:
        store.telemetry.drop(floor_time(plan.now - keep.telemetry, store.buckets.width))
    for table, time in (
        (store.buckets.table, keep.buckets),
        (store.scores.table, keep.scores),
    ):
        if time is not None:
            delete_until(table, plan.now - time)
    if keep.quarantine is not None:  # by when they came: rows of the distant past may have come today
        Quarantine(store.quarantine).purge(plan.now - keep.quarantine, pl.coalesce(QUARANTINED_AT, TS).is_not_null())


def _delete_decisions(records: Records, plan: RetentionPlan) -> int:
    keep = plan.retention.decisions
    return 0 if keep is None else records.delete_decisions(plan.now - keep)


def _mark_finished(store: Store) -> None:
    """Let readers of buckets see the new version, and let the next ingest accept it without a new rollup."""
    if store.telemetry.table.version() >= 0 and not store.buckets.is_finished(store.telemetry):
        store.buckets.mark_finished(store.telemetry)
