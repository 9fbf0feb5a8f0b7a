"""Progress bars on standard error, for people: nothing is drawn where no terminal is."""

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
def bars(console: Console | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """Draw a bar for each stage that the given function is called with: stage, done, total.

    A total of zero stands for 'not known': the bar pulses until a later stage begins.
    """
    shown = console or Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _Count())
    with Progress(*columns, TimeElapsedColumn(), console=shown, transient=True, disable=not shown.is_terminal) as live:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                _finish(live)
                tasks[stage] = live.add_task(stage, total=None)
            live.update(tasks[stage], completed=done, total=total or None)

        yield advance


class _Count(MofNCompleteColumn):
    """How much of a stage is done, where there are several things to count."""

    def render(self, task: Task) -> Text:
        """Write 'done/total', or nothing."""
        return Text() if task.total in {None, 1} else super().render(task)


def _finish(live: Progress) -> None:
    for task in live.tasks:
        live.update(task.id, total=task.total or 1, completed=task.total or 1)
