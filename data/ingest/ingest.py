"""Brings a source into the state: reads and checks all of it first, and only then writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from data.delta.telemetry import TelemetryChange
from data.ingest.notices import expired, notices
from data.ingest.preflight import survey
from data.ingest.quarantine import Quarantine
from data.schema import NODE, Metric
from data.validation.aliases import known_nodes, require_no_renaming
from data.validation.canonical_names import canonicalize_telemetry
from data.validation.column_names import require_metrics
from data.validation.node_names import Spelling, require_known_nodes
from data.validation.rows import Bounds, Sifted, count_reasons, sift_telemetry

if TYPE_CHECKING:
    from data.delta.store import Store
    from data.ingest.preflight import Preflight
    from data.sources.base import Source
    from data.sql.records import MergeReport, Records

Clock = Callable[[], datetime]
Progress = Callable[[str, int, int], None]
Put = Callable[[pl.DataFrame], int]


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody of the progress."""


@dataclass(frozen=True, slots=True)
class ExpectedMetrics:
    """What the settings say of telemetry: what each metric is, and each metric that they name, by its key in them."""

    describe: Callable[[str], Metric] = Metric
    named: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How far a clock may run ahead, how long to wait for another writer, and whom to tell of the progress.

    `progress` is called with the stage, how much of it is done, and how much there is to do (0: not known).
    """

    tolerance: timedelta = timedelta(minutes=5)
    lock_timeout: timedelta = timedelta(seconds=30)
    progress: Progress = no_progress
    spelling: Spelling = field(default_factory=Spelling)
    expected: ExpectedMetrics = field(default_factory=ExpectedMetrics)


@dataclass(frozen=True, slots=True)
class TableReport:
    """What became of one table's rows; `rejected` counts quarantined rows and infinite cells by reason.

    `duplicates` were equal to another row of the source, `outdated` lost to one by the merge rule.
    """

    inserted: int = 0
    replaced: int = 0
    unchanged: int = 0
    duplicates: int = 0
    outdated: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)

    def after(self, sifted: Sifted, merged: MergeReport | TelemetryChange) -> TableReport:
        """Add what was sifted from a batch, and what the merge of its good rows did."""
        return TableReport(
            inserted=self.inserted + merged.inserted,
            replaced=self.replaced + merged.replaced,
            unchanged=self.unchanged + merged.unchanged,
            duplicates=self.duplicates + sifted.duplicates,
            outdated=self.outdated + sifted.outdated,
            rejected=Counter(self.rejected) + Counter(count_reasons(sifted.rejected)),
        )

    @property
    def quarantined(self) -> int:
        """Count the quarantined rows and cells."""
        return sum(self.rejected.values())


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did: a report for each table, the buckets rolled up, remarks, and the newest time read.

    `oddities` counts what is odd in telemetry and yet costs no row.
    """

    tables: Mapping[str, TableReport]
    buckets: int
    notices: tuple[str, ...]
    newest: datetime | None
    oddities: Mapping[str, int] = field(default_factory=dict)


def ingest(
    source: Source, store: Store, records: Records, clock: Clock, options: IngestOptions | None = None
) -> IngestReport:
    """Merge a source into the tables and the database; what they hold already changes nothing.

    Raises:
        DataError: if the source can't be read or used, or too many of its nodes are unknown; then nothing was
            written.
        InfrastructureError: if another process is writing, or the disk is full; each table is then as it
            was, or wholly merged, and the same ingest can be run again.
    """
    options = options or IngestOptions()
    with store.exclusive_lock(options.lock_timeout):
        now, stored, before = clock(), records.nodes(), store.telemetry.metrics()
        bounds = Bounds(source.name, now + options.tolerance, stored[NODE], options.expected.describe)
        found = survey(source, bounds, known_nodes(options.spelling, stored))
        require_known_nodes(found.names, found.named_nodes)
        require_no_renaming(found.nodes.good, stored, options.spelling.max_unknown_share)
        require_metrics(source.name, {*before, *found.telemetry.metrics})
        put = partial(Quarantine(store.quarantine).add, now=now)
        tables = _merge_records(put, records, found)
        telemetry, change = _merge_telemetry(source, store, (found, put), options.progress)
        told = notices(found, before, store.telemetry, options.expected.named)
        told += expired(change.expired, store.telemetry.dropped_until())
        options.progress("buckets", 0, 0)
        buckets = store.buckets.refresh(store.telemetry, change)
        tables |= {"telemetry": telemetry}
        return IngestReport(tables, buckets, told, found.newest, found.telemetry.oddities)


def _merge_records(put: Put, records: Records, found: Preflight) -> dict[str, TableReport]:
    small = {
        "nodes": (found.nodes, records.merge_nodes),
        "events": (found.events, records.merge_events),
        "blind": (found.blind, records.merge_blind),
    }
    put(pl.concat(sifted.rejected for sifted, _ in small.values()))
    return {table: TableReport().after(sifted, merge(sifted.good)) for table, (sifted, merge) in small.items()}


def _merge_telemetry(
    source: Source, store: Store, validate_small_tables: tuple[Preflight, Put], progress: Progress
) -> tuple[TableReport, TelemetryChange]:
    found, put = validate_small_tables
    report, change, done = TableReport(), TelemetryChange.none(store.telemetry.table.version()), 0
    for batch in source.telemetry():
        progress("telemetry", done, found.telemetry.rows)
        sifted = sift_telemetry(canonicalize_telemetry(batch, found.names), found.bounds)
        put(sifted.rejected)
        merged = store.telemetry.merge(sifted.good)
        report, change, done = report.after(sifted, merged), change.followed_by(merged), done + batch.height
    progress("telemetry", done, found.telemetry.rows)
    return report, change
