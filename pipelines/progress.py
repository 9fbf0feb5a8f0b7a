"""Progress bars on standard error, for people: nothing is drawn where no terminal is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import TaskID


@contextmanager
def bars(console: Console | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """Draw a bar for each stage that the given function is called with: stage, done, total.

    A total of zero stands for 'not known': the bar pulses until a later stage begins.
    """
    shown = console or Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=shown, transient=True, disable=not shown.is_terminal) as live:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                _finish(live)
                tasks[stage] = live.add_task(stage)
            live.update(tasks[stage], completed=done, total=total or None)

        yield advance


def _finish(live: Progress) -> None:
    for task in live.tasks:
        live.update(task.id, total=task.total or 1, completed=task.total or 1)
