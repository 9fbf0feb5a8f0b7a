"""Writes the report to the page that is named, or among the dated ones in the state folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from data.disk.atomic_write import atomic_file
from pipelines.report.build import build_report
from pipelines.wiring import wiring

if TYPE_CHECKING:
    from datetime import datetime

    from pipelines.report.build import ReportSummary
    from pipelines.settings.schema import Settings

FOLDER: Final = "reports"  # in the state folder
LATEST: Final = "latest.html"


def report(settings: Settings, test_start: datetime | None = None, page: str | None = None) -> ReportSummary:
    """Write the report to a page; by default to reports/<time>.html, with a copy that is always the newest."""
    if page is not None:
        return build_report(settings, Path(page), test_start)
    folder = wiring.state_folder(settings) / FOLDER
    folder.mkdir(exist_ok=True)
    summary = build_report(settings, folder / f"{wiring.wall_clock():%Y-%m-%dT%H%M%SZ}.html", test_start)
    with atomic_file(folder / LATEST) as part:
        part.write_bytes(summary.path.read_bytes())
    return summary
