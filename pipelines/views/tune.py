"""Prints a search for better settings: what was tried, how it was confirmed, and what to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from models.tuning.confirmation import CAUGHT, LOSS, PRECISION
from pipelines.analysis.tune import settings_snippet
from pipelines.views.tables import print_lines
from serving.formats import date_or_minute, duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from pipelines.analysis.tune import ConfirmedFigure, TrialReport, TuneReport

SHOWN: Final = 5  # trials, in addition to today's settings


def show_tune(report: TuneReport, console: Console) -> None:
    """Print the best trials, the confirmation, and the verdict."""
    print_lines(console, (*_heading(report), *(f"warning: {notice}" for notice in report.notices)))
    console.print()
    console.print(_trials_table(report))
    if report.confirmation:
        console.print()
        console.print(_confirmation_table(report))
    console.print()
    console.print(Text(report.verdict, "bold green" if report.recommended else "bold"), soft_wrap=True)
    if report.recommended:
        console.print(
            Text(f"To use it, put this into the settings file, and train:\n\n{settings_snippet(report.recommended)}")
        )


def _heading(report: TuneReport) -> Iterator[str]:
    early = f", {report.given_up_early} of them stopped early" if report.given_up_early else ""
    yield (
        f"{report.fleet}: {report.failures:,} failures to learn from, in {report.rows:,} rows known at "
        f"{report.known_until:%Y-%m-%d %H:%M} UTC"
    )
    chosen, confirmed = date_or_minute(report.chosen_from), date_or_minute(report.confirmed_from)
    yield (
        f"{report.tried} settings tried{early}, in {report.seconds / 60:.1f} minutes; chosen on "
        f"{chosen} to {confirmed}, confirmed on the time after that"
    )


def _trials_table(report: TuneReport) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("trial", "log-loss"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("settings that differ", overflow="fold")
    for trial in _shown(report):
        differences = "  ".join(f"{name} {value:g}" for name, value in trial.settings.items())
        table.add_row(str(trial.number) if trial.number else "now", f"{trial.log_loss:.4f}", differences)
    table.add_row("none", f"{report.rate_log_loss:.4f}", "(the fleet's failure rate for every node)", style="dim")
    return table


def _shown(report: TuneReport) -> list[TrialReport]:
    """Return the best trials, and today's settings whatever their rank."""
    return [trial for rank, trial in enumerate(report.trials) if rank < SHOWN or trial.number == 0]


def _confirmation_table(report: TuneReport) -> Table:
    names = {
        LOSS: "log-loss, nats a failure",
        PRECISION: f"average precision, {duration(report.horizon)}",
        CAUGHT: f"failures caught, alarms on {report.alarm_share:.1%}",
    }
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(f"on {report.confirmed_on:,} newer failures", overflow="fold")
    for name in ("now", f"trial {report.trials[0].number}", "better by", "95%"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, figure in report.confirmation.items():
        table.add_row(names[name], _number(figure.now), _number(figure.chosen), *_gain(figure))
    return table


def _gain(figure: ConfirmedFigure) -> tuple[str, str]:
    has_interval = figure.low is not None and figure.high is not None
    interval = f"[{figure.low:+.4f}, {figure.high:+.4f}]" if has_interval else "too few"
    return _number(figure.better_by, "+"), interval


def _number(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.4f}"
