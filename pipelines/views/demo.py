"""How the demo looks on a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.text import Text

from pipelines.views.flows import show_decide, show_score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rich.console import Console

    from pipelines.operations.demo import Demo

NEXT: Final = (
    ("init", "write nodeward.toml; set source.path in it"),
    ("check", "try it; see what your failures can prove"),
    ("backtest --test-start DATE", "how well it would have done for you"),
)


def announcing(console: Console) -> Callable[[str], AbstractContextManager[None]]:
    """Name each step when it is done, and say how long it took."""

    @contextmanager
    def step(what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        console.print(Text(f"  {time.monotonic() - began:5.1f} s  {what}"))

    return step


def show_demo(found: Demo, console: Console) -> None:
    """Show the fleet, what was caught, who is at risk, what would be drained, and what to try next."""
    for title, show in (
        ("The simulated fleet", _fleet),
        ("What the replay of its last third caught (simulated)", _caught),
        ("Riskiest nodes now (simulated)", lambda one, to: show_score(one.scored, to)),
        ("What would be drained (simulated, a dry run)", lambda one, to: show_decide(one.decided, to)),
        ("Next, on your own cluster", _next),
    ):
        console.print()
        console.print(Text(title, "bold"))
        show(found, console)


def program(called: str) -> str:
    """Give what to type for Nodeward: its name, or the path it was called by if a shell would not find that name."""
    return "nodeward" if shutil.which("nodeward") or Path(called).name != "nodeward" else called


def _fleet(found: Demo, console: Console) -> None:
    fleet, rows = found.simulated, found.simulated.rows
    console.print(
        f"{rows['nodes']:,} nodes, {fleet.start:%Y-%m-%d} to {fleet.end:%Y-%m-%d}, {fleet.failures:,} failures, "
        f"{rows['telemetry']:,} rows of telemetry rolled up into {found.ingested.buckets:,} buckets",
        soft_wrap=True,
    )
    quarantined = sum(table.quarantined for table in found.ingested.tables.values())
    console.print(
        f"model {found.trained.version}: {found.trained.features} features, "
        f"{found.trained.failures:,} failures to learn from; {quarantined:,} rows and cells in quarantine",
        soft_wrap=True,
    )


def _caught(found: Demo, console: Console) -> None:
    for line in (*found.made.caught, *found.made.story, *found.made.warnings):
        console.print(Text(line), soft_wrap=True)


def _next(found: Demo, console: Console) -> None:
    lines = [(f"{program(sys.argv[0])} {command}", what) for command, what in NEXT]
    width = max(len(command) for command, _ in lines)
    for command, what in lines:
        console.print(Text(f"  {command:<{width}}  {what}"), soft_wrap=True)
    console.print()
    console.print(Text(f"Open the report: {found.made.path}", "bold"), soft_wrap=True)
