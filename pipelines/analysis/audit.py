"""Audits the records of a state for what would make a forecast look better than it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from data.ingest.quarantine import Quarantine
from data.schema import AVAILABLE_AT, NODE, TS
from data.validation.rows import TOO_EARLY
from models.audit.arrivals import Arrivals
from models.audit.context import AuditMaterial
from models.audit.finding import MOST_EXAMPLES, Finding, Severity
from models.audit.run_all import audit as run
from models.evaluation.evaluate import middle
from pipelines.output.progress import progress_bars
from pipelines.wiring import wiring
from pipelines.wiring.as_of import evaluation_window
from pipelines.wiring.training_setup import hindsight_view, training_setup

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from data.delta.store import Store
    from pipelines.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The finding of each test of a fleet's records, with forecasts made from `test_start` on."""

    fleet: str
    test_start: datetime
    test_end: datetime
    seconds: float
    findings: tuple[Finding, ...]

    def named(self, verdict: Severity) -> list[str]:
        """Return the names of the tests with a verdict."""
        return [finding.name for finding in self.findings if finding.verdict is verdict]


def audit(settings: Settings, test_start: datetime | None) -> AuditReport:
    """Test the records of the state, and forecasts from a time on (default: as in the report).

    Raises:
        EmptyTableError: if the state holds no records.
        SettingsError: if the time is not before the newest midnight of the records.
    """
    began = time.monotonic()
    with wiring.records(settings) as records, progress_bars() as progress:
        store = wiring.store(settings)
        hindsight = hindsight_view(store, records)
        window = evaluation_window(settings, records, hindsight, test_start)
        setup = training_setup(settings, store.telemetry.metrics())
        arrived = arrivals(store, setup.design.horizons[-1], setup.history_start)
        material = AuditMaterial(hindsight, window, setup, arrived, middle(settings.forecast.alarm_rates))
        findings = run(material, lambda stage: progress(stage, 0, 0))
    return AuditReport(settings.fleet.name, window.start, window.end, time.monotonic() - began, findings)


def arrivals(store: Store, longest: timedelta, start: datetime | None = None) -> Arrivals:
    """Count how rows of telemetry arrived, from a start on; those that were available too early are in quarantine."""
    if not store.telemetry.metrics():
        return Arrivals(0, 0, 0, 0)
    early = Quarantine(store.quarantine).read().filter(table="telemetry", reason=TOO_EARLY)
    rows = store.telemetry.table.scan()
    if start is not None:
        early, rows = early.filter(pl.col(TS) >= start), rows.filter(pl.col(TS) >= start)
    is_at_once = pl.col(AVAILABLE_AT) == pl.col(TS)
    count, at_once = rows.select(rows=pl.len(), at_once=is_at_once.sum()).collect().row(0)
    groups = rows.group_by(AVAILABLE_AT).agg(span=pl.col(TS).max() - pl.col(TS).min(), rows=pl.len())
    bulk = groups.filter(pl.col("span") > longest).select(pl.col("rows").sum()).collect().item()
    examples = tuple(early.select(NODE, TS).head(MOST_EXAMPLES).rows())
    return Arrivals(count + early.height, early.height, at_once, int(bulk or 0), examples)
