"""Makes the report of an installation: replays the last part of its own records, and adds its newest scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.disk.atomic_write import atomic_file
from models.backtest.run import run_backtest
from pipelines.output.progress import progress_bars
from pipelines.report.headline import by_budget, headline, story, warnings
from pipelines.report.render import render
from pipelines.report.values.contents import Contents, Live, gather
from pipelines.report.values.current_scores import published
from pipelines.wiring import wiring
from pipelines.wiring.as_of import evaluation_window
from pipelines.wiring.training_setup import evaluation_options, hindsight_view, training_setup

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pipelines.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Made:
    """Where the report is, and what it says at its top."""

    path: Path
    fleet: str
    is_simulated: bool
    test_start: datetime
    test_end: datetime
    headline: str
    story: tuple[str, ...]
    caught: tuple[str, ...]  # a line for each alarm budget
    warnings: tuple[str, ...]


def make(settings: Settings, path: Path, test_start: datetime | None) -> Made:
    """Replay from a time (default: `report.days` before the newest midnight), and write the page.

    Raises:
        EmptyTableError: if the state holds no records.
        SettingsError: if the time does not come before the newest midnight of the records.
        TooLittleDataError: if no failure was known at that time.
    """
    with wiring.records(settings) as records, progress_bars() as progress:
        store = wiring.store(settings)
        hindsight = hindsight_view(store, records)
        window = evaluation_window(settings, records, hindsight, test_start)
        told = training_setup(settings, store.telemetry.metrics())
        found = run_backtest(hindsight, window, told, evaluation_options(settings), progress)
        progress("drawing", 0, 0)
        standing = published(records.latest_scores(), records.decisions(), settings.policy.horizon_days)
        contents = gather(found, hindsight, settings, wiring.wall_clock(), Live(standing, store.training_versions()))
    return write(contents, path)


def write(contents: Contents, path: Path) -> Made:
    """Write the page, whole or not at all."""
    page = render(contents)
    with atomic_file(path) as part:
        part.write_text(page, encoding="utf-8")
    window = contents.found.replay.window
    return Made(
        path,
        contents.found.dataset,
        contents.is_simulated,
        window.start,
        window.end,
        headline(contents.headline),
        tuple(story(contents)),
        tuple(by_budget(contents.headline)),
        tuple(warnings(contents)),
    )
