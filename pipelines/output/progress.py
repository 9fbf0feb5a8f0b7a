"""Draws progress bars on standard error; nothing if that is not a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Task, TaskID


@contextmanager
def progress_bars(console: Console | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that advances a progress bar: its arguments are the stage, the amount done, and the total.

    Each stage has its own bar. A total of 0 means unknown: the bar pulses until the next stage begins.
    """
    target = console or Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _DoneOfTotal())
    with Progress(
        *columns, TimeElapsedColumn(), console=target, transient=True, disable=not target.is_terminal
    ) as live:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                _complete(live)
                tasks[stage] = live.add_task(stage, total=None)
            live.update(tasks[stage], completed=done, total=total or None)

        yield advance


class _DoneOfTotal(MofNCompleteColumn):
    """A column with how much of a stage is done; empty if there is nothing to count."""

    def render(self, task: Task) -> Text:
        """Return 'done/total', or an empty text."""
        return Text() if task.total in {None, 1} else super().render(task)


def _complete(live: Progress) -> None:
    for task in live.tasks:
        live.update(task.id, total=task.total or 1, completed=task.total or 1)
