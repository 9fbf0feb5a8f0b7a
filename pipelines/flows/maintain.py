"""The flow that keeps the state from growing without end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from data.maintenance.retention import MaintainReport, Retention, RetentionPlan
from data.maintenance.retention import maintain as keep_house
from pipelines.flows.retries import step
from pipelines.flows.run_state import recorded
from pipelines.output.markdown import maintain_markdown
from pipelines.settings.load import load
from pipelines.settings.translation import into
from pipelines.wiring import wiring

if TYPE_CHECKING:
    from pipelines.settings.schema import Settings


@flow(name="maintain", flow_run_name="maintain {config}", persist_result=False)
@recorded("maintain")
def maintain(config: str, overrides: list[str]) -> MaintainReport:
    """Drop what retention says, compact and vacuum, and leave a report as an artifact."""
    report = keep_in_order(load(Path(config), overrides))
    create_markdown_artifact(maintain_markdown(report), key="maintain", description="What the last upkeep did")
    return report


@step("maintain")
def keep_in_order(settings: Settings) -> MaintainReport:
    """Keep the tables and the database in order; versions that models cite are asked for before anything is removed."""
    cited = wiring.registry(settings).cited_tables() if wiring.has_models(settings) else {}
    with wiring.records(settings) as records:
        now = wiring.clock(settings, records)()
        plan = RetentionPlan(into(Retention, settings.retention), now, cited)
        return keep_house(wiring.store(settings), records, plan)
