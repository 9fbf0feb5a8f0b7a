"""`nodeward backtest`: replays the past."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.disk.atomic_write import atomic_file, check_output_file
from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared
from pipelines.commands.times import TestEnd, TestStart, in_utc, utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.view import View
    from models.backtest.result import Backtest
    from pipelines.settings.schema import Settings

Scores = Annotated[
    Path | None, typer.Option("--scores", metavar="FILE", help="Write every probability as Parquet as well.")
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE.html", help="Write the result as an HTML page as well.")
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the private state folder.")]


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """The files that a backtest writes on request."""

    scores: Scores = None
    report: Report = None


@flattened
def backtest(
    files: OutputFiles, shared: Shared, test_start: TestStart, test_end: TestEnd = None, *, keep: Keep = False
) -> None:
    """Replay the past: train at a time, forecast what came after, and evaluate it next to simple baselines."""
    invocation = shared.invoke()
    check_output_file(files.scores, "--scores")
    check_output_file(files.report, "--report")
    from models.backtest import export
    from pipelines.analysis.backtest import run
    from pipelines.views.backtest import show_backtest

    on_result = _report_writer(files.report, invocation.settings) if files.report else None
    result = run(invocation.settings, in_utc(test_start), utc(test_end), keep=keep, on_result=on_result)
    if files.scores:
        with atomic_file(files.scores) as part:
            export.write_scores(result, part)
    invocation.present(export.to_json(result), lambda _, console: show_backtest(result, console))


def _report_writer(path: Path, settings: Settings) -> Callable[[Backtest, View], None]:
    """Return a function that writes the report; it is called while the private state still exists."""
    from pipelines.report.build import write_report
    from pipelines.report.values.contents import gather_contents
    from pipelines.wiring.wiring import wall_clock

    def write(result: Backtest, hindsight: View) -> None:
        write_report(gather_contents(result, hindsight, settings, wall_clock()), path)

    return write
