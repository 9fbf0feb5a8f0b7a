"""Runs every step on a simulated fleet, from records to a drain list and a report: a first look at Nodeward."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pipelines.operations.decide import decide
from pipelines.operations.ingest import ingest
from pipelines.operations.score import score
from pipelines.operations.simulate import SimulateReport, simulate
from pipelines.operations.train import train
from pipelines.report.build import build_report
from pipelines.settings.load import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from data.ingest.ingest import IngestReport
    from data.simulator.history.plan import SimulationPlan
    from pipelines.output.reports import DecideReport, ScoreReport, TrainReport
    from pipelines.report.build import ReportSummary

    Step = Callable[[str], AbstractContextManager[None]]

START: Final = datetime(2025, 1, 1, tzinfo=UTC)
INTERVAL: Final = timedelta(hours=2)
PAGE: Final = "report.html"


@dataclass(frozen=True, slots=True)
class Demo:
    """The report of each step."""

    simulated: SimulateReport
    ingested: IngestReport
    trained: TrainReport
    scored: ScoreReport
    decided: DecideReport
    report: ReportSummary


def run(plan: SimulationPlan, folder: Path, step: Step) -> Demo:
    """Simulate a fleet into a folder, and run every step on it; `step` announces each of them.

    Raises:
        SettingsError: if the folder is not empty.
    """
    with step("simulate a fleet: telemetry, failures, jobs"):
        simulated = simulate(plan, folder)
    settings = load(simulated.config)
    with step("ingest: check, merge, roll up into buckets"):
        ingested = ingest(settings)
    with step("train: features, hazard model, calibration, MLflow"):
        trained = train(settings)
    with step("score every node"):
        scored = score(settings)
    with step("decide: what to drain, within limits (a dry run)"):
        decided = decide(settings)
    with step("report: replay the last third, next to the baselines"):
        report = build_report(settings, folder / PAGE, simulated.test_start)
    return Demo(simulated, ingested, trained, scored, decided, report)
