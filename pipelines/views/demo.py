"""Prints the demo: its steps, its results, and what to try next."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.text import Text

from pipelines.views.flows import show_decide, show_score
from pipelines.views.tables import print_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rich.console import Console

    from pipelines.operations.demo import Demo

NEXT: Final = (
    ("init", "write nodeward.toml; set source.path in it"),
    ("check", "test the settings; see what your failures can prove"),
    ("backtest --test-start DATE", "how well it would have worked for you"),
)


def announcing(console: Console) -> Callable[[str], AbstractContextManager[None]]:
    """Return a context manager that prints a step's name and duration when the step is done."""

    @contextmanager
    def step(name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        console.print(Text(f"  {time.monotonic() - began:5.1f} s  {name}"))

    return step


def show_demo(demo: Demo, console: Console) -> None:
    """Print the fleet, what was caught, the riskiest nodes, what would be drained, and what to try next."""
    for title, show in (
        ("The simulated fleet", _fleet),
        ("What the replay of its last third caught (simulated)", _caught),
        ("Riskiest nodes now (simulated)", lambda demo, console: show_score(demo.scored, console)),
        ("What would be drained (simulated, a dry run)", lambda demo, console: show_decide(demo.decided, console)),
        ("Next, on your own cluster", _next),
    ):
        console.print()
        console.print(Text(title, "bold"))
        show(demo, console)


def program(path: str) -> str:
    """Return what to type for Nodeward: its name, or the path it was called by if a shell would not find that name."""
    return "nodeward" if shutil.which("nodeward") or Path(path).name != "nodeward" else path


def _fleet(demo: Demo, console: Console) -> None:
    fleet, rows = demo.simulated, demo.simulated.rows
    console.print(
        f"{rows['nodes']:,} nodes, {fleet.start:%Y-%m-%d} to {fleet.end:%Y-%m-%d}, {fleet.failures:,} failures, "
        f"{rows['telemetry']:,} rows of telemetry rolled up into {demo.ingested.buckets:,} buckets",
        soft_wrap=True,
    )
    quarantined = sum(table.quarantined for table in demo.ingested.tables.values())
    console.print(
        f"model {demo.trained.version}: {demo.trained.features} features, "
        f"{demo.trained.failures:,} failures to learn from; {quarantined:,} rows and cells in quarantine",
        soft_wrap=True,
    )


def _caught(demo: Demo, console: Console) -> None:
    print_lines(console, (*demo.report.caught, *demo.report.story, *demo.report.warnings))


def _next(demo: Demo, console: Console) -> None:
    lines = [(f"{program(sys.argv[0])} {command}", purpose) for command, purpose in NEXT]
    width = max(len(command) for command, _ in lines)
    print_lines(console, (f"  {command:<{width}}  {purpose}" for command, purpose in lines))
    console.print()
    console.print(Text(f"Open the report: {demo.report.path}", "bold"), soft_wrap=True)
