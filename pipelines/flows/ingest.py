"""The flow that brings a source's records into the state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from data.ingest.ingest import IngestReport
from data.ingest.ingest import ingest as merge
from pipelines.flows.retries import step
from pipelines.flows.run_state import recorded
from pipelines.output.markdown import ingest_markdown
from pipelines.output.progress import progress_bars
from pipelines.settings.load import load
from pipelines.wiring import wiring
from pipelines.wiring.ingest_options import ingest_options

if TYPE_CHECKING:
    from pipelines.settings.schema import Settings


@flow(name="ingest", flow_run_name="ingest {config}", persist_result=False)
@recorded("ingest")
def ingest(config: str, overrides: list[str]) -> IngestReport:
    """Merge the source that a settings file names into the state, and leave a report as an artifact."""
    report = merge_source(load(Path(config), overrides))
    create_markdown_artifact(ingest_markdown(report), key="ingest", description="What the last ingest did")
    return report


@step("merge source")
def merge_source(settings: Settings) -> IngestReport:
    """Merge the source into tables and database; a fault that may pass is tried again."""
    with wiring.records(settings) as records, progress_bars() as progress:
        options = ingest_options(settings, progress)
        return merge(wiring.source(settings), wiring.store(settings), records, wiring.wall_clock, options)
