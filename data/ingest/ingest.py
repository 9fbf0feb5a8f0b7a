"""Ingests a source into the state: reads and checks the whole source first, and only then writes."""

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
from data.ingest.preflight import run_preflight
from data.ingest.quarantine import Quarantine
from data.schema import NODE, Metric
from data.validation.aliases import require_no_renaming, stored_names
from data.validation.canonical_names import canonicalize_telemetry
from data.validation.column_names import require_metrics
from data.validation.node_names import SpellingRules, require_known_nodes
from data.validation.rows import Bounds, ValidatedRows, count_reasons, validate_telemetry

if TYPE_CHECKING:
    from data.delta.store import Store
    from data.ingest.preflight import Preflight
    from data.sources.base import Source
    from data.sql.records import MergeReport, Records

Clock = Callable[[], datetime]
Progress = Callable[[str, int, int], None]
AddToQuarantine = Callable[[pl.DataFrame], int]


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """Ignore the progress."""


@dataclass(frozen=True, slots=True)
class ExpectedMetrics:
    """The metrics in the settings: `describe` returns a metric's description, `named` is {settings key: metric}."""

    describe: Callable[[str], Metric] = Metric
    named: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How a source is checked and stored.

    `tolerance` is how far its clocks may be ahead. `progress` is called with the stage, how much of it is done, and the
    total (0: unknown).
    """

    tolerance: timedelta = timedelta(minutes=5)
    lock_timeout: timedelta = timedelta(seconds=30)
    progress: Progress = no_progress
    spelling: SpellingRules = field(default_factory=SpellingRules)
    expected: ExpectedMetrics = field(default_factory=ExpectedMetrics)


@dataclass(frozen=True, slots=True)
class TableReport:
    """What an ingest did with the rows of one table; `rejected` counts quarantined rows and cells by reason.

    `duplicates` were equal to another row of the source, `outdated` lost to one by the merge rule.
    """

    inserted: int = 0
    replaced: int = 0
    unchanged: int = 0
    duplicates: int = 0
    outdated: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)

    def after(self, batch: ValidatedRows, merged: MergeReport | TelemetryChange) -> TableReport:
        """Return the report after another batch, with the result of merging its valid rows."""
        return TableReport(
            inserted=self.inserted + merged.inserted,
            replaced=self.replaced + merged.replaced,
            unchanged=self.unchanged + merged.unchanged,
            duplicates=self.duplicates + batch.duplicates,
            outdated=self.outdated + batch.outdated,
            rejected=Counter(self.rejected) + Counter(count_reasons(batch.rejected)),
        )

    @property
    def quarantined(self) -> int:
        """The number of quarantined rows and cells."""
        return sum(self.rejected.values())


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did: a report for each table, the number of buckets rolled up, remarks and the newest time.

    `oddities` counts what is odd in telemetry but invalidates no row.
    """

    tables: Mapping[str, TableReport]
    buckets: int
    notices: tuple[str, ...]
    newest: datetime | None
    oddities: Mapping[str, int] = field(default_factory=dict)


def ingest(
    source: Source, store: Store, records: Records, clock: Clock, options: IngestOptions | None = None
) -> IngestReport:
    """Merge a source into the tables and the database; records that they already have change nothing.

    Raises:
        DataError: if the source can't be read or used, or too many of its nodes are unknown; nothing was written.
        InfrastructureError: if another process is writing, or the disk is full; each table is unchanged or completely
            merged, and the same ingest can be run again.
    """
    options = options or IngestOptions()
    with store.exclusive_lock(options.lock_timeout):
        now, stored, before = clock(), records.nodes(), store.telemetry.metrics()
        bounds = Bounds(source.name, now + options.tolerance, stored[NODE], options.expected.describe)
        preflight = run_preflight(source, bounds, stored_names(options.spelling, stored))
        require_known_nodes(preflight.names, preflight.named_nodes)
        require_no_renaming(preflight.nodes.valid, stored, options.spelling.max_unknown_share)
        require_metrics(source.name, {*before, *preflight.telemetry.metrics})
        quarantine = partial(Quarantine(store.quarantine).add, now=now)
        tables = _merge_records(quarantine, records, preflight)
        telemetry, change = _merge_telemetry(source, store, (preflight, quarantine), options.progress)
        remarks = notices(preflight, before, store.telemetry, options.expected.named)
        remarks += expired(change.expired, store.telemetry.dropped_until())
        options.progress("buckets", 0, 0)
        buckets = store.buckets.refresh(store.telemetry, change)
        tables |= {"telemetry": telemetry}
        return IngestReport(tables, buckets, remarks, preflight.newest, preflight.telemetry.oddities)


def _merge_records(quarantine: AddToQuarantine, records: Records, preflight: Preflight) -> dict[str, TableReport]:
    tables = {
        "nodes": (preflight.nodes, records.merge_nodes),
        "events": (preflight.events, records.merge_events),
        "blind": (preflight.blind, records.merge_blind),
    }
    quarantine(pl.concat(rows.rejected for rows, _ in tables.values()))
    return {name: TableReport().after(rows, merge(rows.valid)) for name, (rows, merge) in tables.items()}


def _merge_telemetry(
    source: Source, store: Store, checks: tuple[Preflight, AddToQuarantine], progress: Progress
) -> tuple[TableReport, TelemetryChange]:
    preflight, quarantine = checks
    report, change, done = TableReport(), TelemetryChange.none(store.telemetry.table.version()), 0
    for batch in source.telemetry():
        progress("telemetry", done, preflight.telemetry.rows)
        rows = validate_telemetry(canonicalize_telemetry(batch, preflight.names), preflight.bounds)
        quarantine(rows.rejected)
        merged = store.telemetry.merge(rows.valid)
        report, change, done = report.after(rows, merged), change.followed_by(merged), done + batch.height
    progress("telemetry", done, preflight.telemetry.rows)
    return report, change
