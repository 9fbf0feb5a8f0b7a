"""Builds the report of an installation: a backtest on the last part of its records, and its newest scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.disk.atomic_write import atomic_file
from models.backtest.run import run_backtest
from pipelines.output.progress import progress_bars
from pipelines.report.headline import budget_lines, headline, summary, warnings
from pipelines.report.render import render
from pipelines.report.values.contents import Contents, LiveState, gather_contents
from pipelines.report.values.current_scores import published_scores
from pipelines.wiring import wiring
from pipelines.wiring.as_of import evaluation_window
from pipelines.wiring.training_setup import evaluation_options, hindsight_view, training_setup

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pipelines.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """Where the report is, and the text at its top; written as JSON by field name."""

    path: Path
    fleet: str
    is_simulated: bool
    test_start: datetime
    test_end: datetime
    headline: str
    story: tuple[str, ...]
    caught: tuple[str, ...]  # a line for each alarm share
    warnings: tuple[str, ...]


def build_report(settings: Settings, path: Path, test_start: datetime | None) -> ReportSummary:
    """Replay from a time (default: `report.days` before the newest midnight), and write the page.

    Raises:
        EmptyTableError: if the state holds no records.
        SettingsError: if the time is not before the newest midnight of the records.
        TooLittleDataError: if no failure was known at that time.
    """
    with wiring.records(settings) as records, progress_bars() as progress:
        store = wiring.store(settings)
        hindsight = hindsight_view(store, records)
        window = evaluation_window(settings, records, hindsight, test_start)
        setup = training_setup(settings, store.telemetry.metrics())
        backtest = run_backtest(hindsight, window, setup, evaluation_options(settings), progress)
        progress("drawing", 0, 0)
        scores = published_scores(records.latest_scores(), records.decisions(), settings.policy.horizon)
        live = LiveState(scores, store.training_versions())
        contents = gather_contents(backtest, hindsight, settings, wiring.wall_clock(), live)
    return write_report(contents, path)


def write_report(contents: Contents, path: Path) -> ReportSummary:
    """Write the whole page or nothing."""
    page = render(contents)
    with atomic_file(path) as part:
        part.write_text(page, encoding="utf-8")
    window = contents.backtest.replay.window
    return ReportSummary(
        path,
        contents.backtest.dataset,
        contents.is_simulated,
        window.start,
        window.end,
        headline(contents.main),
        tuple(summary(contents)),
        tuple(budget_lines(contents.main)),
        tuple(warnings(contents)),
    )


def report_markdown(report: ReportSummary) -> str:
    """Return the text at the top of the page, and a link to it, as markdown."""
    simulated = " (simulated)" if report.is_simulated else ""
    lines = [f"# Report on {report.fleet}{simulated}", f"**{report.headline}.**", *report.story, *report.warnings]
    return "\n\n".join([*lines, f"[{report.path.name}]({report.path.absolute().as_uri()})"])
