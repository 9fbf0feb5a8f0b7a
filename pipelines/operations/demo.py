"""The whole path on a simulated fleet, from records to a drain list and a report, for whoever sees it first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pipelines.flows.local_server import running
from pipelines.operations.simulate import STATE, SimulateReport, simulate

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
    """What each step did."""

    simulated: SimulateReport
    ingested: IngestReport
    trained: TrainReport
    scored: ScoreReport
    decided: DecideReport
    made: ReportSummary


def run(plan: SimulationPlan, folder: Path, step: Step, *, verbose: bool = False) -> Demo:
    """Simulate a fleet into a folder, and take every step of the path on it; `step` announces each of them.

    Raises:
        SettingsError: if the folder holds anything already.
    """
    with step("simulate a fleet: telemetry, failures, jobs"):
        simulated = simulate(plan, folder)
    with running(folder / STATE, verbose=verbose):
        return _path(simulated, folder / PAGE, step)


def _path(simulated: SimulateReport, page: Path, step: Step) -> Demo:
    from pipelines.flows.decide import decide_drains  # noqa: PLC0415 - Prefect reads its settings when it is imported
    from pipelines.flows.ingest import ingest  # noqa: PLC0415 - as above
    from pipelines.flows.report import report_fleet  # noqa: PLC0415 - as above
    from pipelines.flows.score import score_fleet  # noqa: PLC0415 - as above
    from pipelines.flows.train import train_model  # noqa: PLC0415 - as above

    config = str(simulated.config)
    with step("ingest: check, merge, roll up into buckets"):
        ingested = ingest(config, [])
    with step("train: features, hazard model, calibration, MLflow"):
        trained = train_model(config, [])
    with step("score every node"):
        scored = score_fleet(config, [])
    with step("decide: what to drain, within limits (a dry run)"):
        decided = decide_drains(config, [])
    with step("report: replay the last third, beside the baselines"):
        made = report_fleet(config, [], simulated.test_start, str(page))
    return Demo(simulated, ingested, trained, scored, decided, made)
