"""How a search for better settings looks on a terminal: what was tried, how it was confirmed, what to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from models.tuning.confirmation import CAUGHT, LOSS, PRECISION
from pipelines.analysis.tune import snippet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from pipelines.analysis.tune import Measured, Trial, TuneReport

SHOWN: Final = 5  # of the trials, beside today's settings


def show_tune(report: TuneReport, console: Console) -> None:
    """Show the best trials, the confirmation, and the verdict."""
    for line in (*heading(report), *(f"warning: {notice}" for notice in report.notices)):
        console.print(Text(line), soft_wrap=True)
    console.print()
    console.print(_trials(report))
    if report.confirmation:
        console.print()
        console.print(_confirmation(report))
    console.print()
    console.print(Text(report.verdict, "bold green" if report.recommended else "bold"), soft_wrap=True)
    if report.recommended:
        console.print(Text(f"To use it, put this into the settings file, and train:\n\n{snippet(report.recommended)}"))


def heading(report: TuneReport) -> Iterator[str]:
    """Say what the search was on."""
    early = f", {report.given_up_early} of them given up early" if report.given_up_early else ""
    yield (
        f"{report.fleet}: {report.failures:,} failures to learn from, in {report.rows:,} rows known at "
        f"{report.known_until:%Y-%m-%d %H:%M} UTC"
    )
    yield (
        f"{report.tried} settings tried{early}, in {report.seconds / 60:.1f} minutes; chosen on "
        f"{report.chosen_from:%Y-%m-%d} to {report.confirmed_from:%Y-%m-%d}, confirmed on what came after"
    )


def _trials(report: TuneReport) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("trial", "log-loss"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("settings that differ", overflow="fold")
    for trial in shown(report):
        told = "  ".join(f"{name} {value:g}" for name, value in trial.settings.items())
        table.add_row(str(trial.number) if trial.number else "now", f"{trial.log_loss:.4f}", told)
    table.add_row("none", f"{report.rate_log_loss:.4f}", "(the fleet's own rate for every node)", style="dim")
    return table


def shown(report: TuneReport) -> list[Trial]:
    """Choose the best trials, and today's settings wherever they stand."""
    return [trial for at, trial in enumerate(report.trials) if at < SHOWN or trial.number == 0]


def _confirmation(report: TuneReport) -> Table:
    names = {
        LOSS: "log-loss, nats a failure",
        PRECISION: f"average precision, {report.horizon_days:g} days",
        CAUGHT: f"failures caught, alarms on {report.alarm_share:.1%}",
    }
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(f"on {report.confirmed_on:,} newer failures", overflow="fold")
    for name in ("now", f"trial {report.trials[0].number}", "better by", "95%"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, one in report.confirmation.items():
        table.add_row(names[name], *(_number(value) for value in (one.now, one.chosen)), *_gain(one))
    return table


def _gain(one: Measured) -> tuple[str, str]:
    known = one.low is not None and one.high is not None
    return _number(one.better_by, "+"), f"[{one.low:+.4f}, {one.high:+.4f}]" if known else "too few"


def _number(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.4f}"
