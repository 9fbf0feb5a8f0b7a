"""The scheduled flows: each runs one operation as a step with retries, and records its report as an artifact."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from prefect import flow

from data.ingest.ingest import IngestReport
from data.maintenance.retention import MaintainReport
from models.registry.model_version import CHAMPION
from pipelines.flows.run_state import recorded
from pipelines.flows.steps import step
from pipelines.operations import decide as deciding
from pipelines.operations import ingest as ingesting
from pipelines.operations import maintain as maintaining
from pipelines.operations import report as reporting
from pipelines.operations import score as scoring
from pipelines.operations import train as training
from pipelines.output import markdown
from pipelines.output.reports import DecideReport, ScoreReport, TrainReport
from pipelines.report.build import ReportSummary, report_markdown
from pipelines.settings.load import load


@flow(name="ingest", flow_run_name="ingest {config}", persist_result=False)
@recorded("ingest", markdown.ingest_markdown, "What the last ingest did")
def ingest(config: str, overrides: list[str]) -> IngestReport:
    """Merge the source that a settings file names into the state."""
    return step("merge source")(ingesting.ingest)(load(Path(config), overrides))


@flow(name="train", flow_run_name="train {config}", persist_result=False)
@recorded("train", markdown.train_markdown, "The newest model", training.why_up_to_date)
def train(config: str, overrides: list[str], until: datetime | None = None) -> TrainReport:
    """Train on the fleet that a settings file names, and register the model."""
    return step("train and register")(training.train)(load(Path(config), overrides), until)


@flow(name="score", flow_run_name="score {config} by {model}", persist_result=False)
@recorded("score", markdown.score_markdown, "The newest scores")
def score(
    config: str, overrides: list[str], model: str = CHAMPION, at: datetime | None = None, *, force: bool = False
) -> ScoreReport:
    """Score the fleet that a settings file names, and publish the scores."""
    return step("score and publish")(scoring.score)(load(Path(config), overrides), model, at, force=force)


@flow(name="decide", flow_run_name="decide {config}", persist_result=False)
@recorded("decide", markdown.decide_markdown, "What should be drained: a dry run")
def decide(config: str, overrides: list[str], at: datetime | None = None) -> DecideReport:
    """Decide from the published scores what should be drained."""
    return step("decide")(deciding.decide)(load(Path(config), overrides), at)


@flow(name="report", flow_run_name="report {config}", persist_result=False)
@recorded("report", report_markdown, "The newest report")
def report(
    config: str, overrides: list[str], test_start: datetime | None = None, page: str | None = None
) -> ReportSummary:
    """Write the report on the fleet that a settings file names; by default to a page with the time in its name."""
    return step("report")(reporting.report)(load(Path(config), overrides), test_start, page)


@flow(name="maintain", flow_run_name="maintain {config}", persist_result=False)
@recorded("maintain", markdown.maintain_markdown, "What the last maintenance did")
def maintain(config: str, overrides: list[str]) -> MaintainReport:
    """Delete what is older than the retention settings, compact and vacuum."""
    return step("maintain")(maintaining.maintain)(load(Path(config), overrides))
