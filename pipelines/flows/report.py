"""The flow that makes the HTML report, and keeps it beside those before."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from data.disk.atomic_write import atomic_file
from pipelines.flows.retries import step
from pipelines.flows.run_state import recorded
from pipelines.report.build import ReportSummary, build_report
from pipelines.settings.load import load
from pipelines.wiring import wiring

if TYPE_CHECKING:
    from pipelines.settings.schema import Settings

FOLDER: Final = "reports"  # in the state folder
LATEST: Final = "latest.html"


@flow(name="report", flow_run_name="report {config}", persist_result=False)
@recorded("report")
def report_fleet(
    config: str, overrides: list[str], test_start: datetime | None = None, page: str | None = None
) -> ReportSummary:
    """Report on the fleet that a settings file names, and say in an artifact where the page is: by default, dated."""
    settings = load(Path(config), overrides)
    made = make_dated(settings, test_start) if page is None else make_page(settings, Path(page), test_start)
    create_markdown_artifact(report_markdown(made), key="report", description="The newest report")
    return made


@step("report")
def make_dated(settings: Settings, test_start: datetime | None) -> ReportSummary:
    """Write var/reports/<time>.html, and put a copy where the newest one is looked for."""
    folder = wiring.state_folder(settings) / FOLDER
    folder.mkdir(exist_ok=True)
    made = build_report(settings, folder / f"{wiring.wall_clock():%Y-%m-%dT%H%M%SZ}.html", test_start)
    with atomic_file(folder / LATEST) as part:
        part.write_bytes(made.path.read_bytes())
    return made


@step("report to a file")
def make_page(settings: Settings, page: Path, test_start: datetime | None) -> ReportSummary:
    """Write the page where it was asked for."""
    return build_report(settings, page, test_start)


def report_markdown(made: ReportSummary) -> str:
    """Say what the page says at its top, and link to it."""
    simulated = " (simulated)" if made.is_simulated else ""
    lines = [f"# Report on {made.fleet}{simulated}", f"**{made.headline}.**", *made.story, *made.warnings]
    return "\n\n".join([*lines, f"[{made.path.name}]({made.path.absolute().as_uri()})"])
