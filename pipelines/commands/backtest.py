"""The command that replays the past."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.times import TestEnd, TestStart, in_utc, utc
from pipelines.options import DEFAULT_CONFIG, Config, Json, Overrides, Verbose, invoke
from pipelines.output import check_target, whole_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.view import View
    from pipelines.backtest import Backtest
    from pipelines.settings_shape import Settings

Scores = Annotated[
    Path | None, typer.Option("--scores", metavar="FILE", help="Write every probability as Parquet as well.")
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE.html", help="Write the result as an HTML page as well.")
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the private state folder.")]


def backtest(
    ctx: typer.Context,
    test_start: TestStart,
    test_end: TestEnd = None,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    scores: Scores = None,
    report: Report = None,
    *,
    keep: Keep = False,
    verbose: Verbose = False,
) -> None:
    """Replay the past: train at a time, forecast what came after, and judge it beside simple baselines."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    check_target(scores, "--scores")
    check_target(report, "--report")
    from pipelines import backtest_report
    from pipelines.backtest import run
    from pipelines.show_backtest import show_backtest

    look = _writing(report, invocation.settings) if report else None
    found = run(invocation.settings, in_utc(test_start), utc(test_end), keep=keep, look=look)
    if scores:
        with whole_file(scores) as part:
            backtest_report.write_scores(found, part)
    invocation.present(backtest_report.to_json(found), lambda _, console: show_backtest(found, console))


def _writing(path: Path, settings: Settings) -> Callable[[Backtest, View], None]:
    """Write the page while the records that it draws are still there."""
    from pipelines.page.contents import gather
    from pipelines.page.make import write
    from pipelines.wiring import wall_clock

    def look(found: Backtest, hindsight: View) -> None:
        write(gather(found, hindsight, settings, wall_clock()), path)

    return look
