"""Makes the report of an installation: replays the last part of its own records, and adds its newest scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from data.errors import EmptyTableError, SettingsError
from models.backtest.judge import replay_and_judge
from models.backtest.replay import Window
from pipelines import moments, wiring
from pipelines.output import whole_file
from pipelines.page.contents import Contents, Live, gather
from pipelines.page.render import render
from pipelines.page.sentences import by_budget, headline, story, warnings
from pipelines.page.standing import published
from pipelines.progress import bars
from pipelines.setup import everything, judging, setup
from pipelines.train import versions

if TYPE_CHECKING:
    from pathlib import Path

    from data.sql.records import Records
    from data.view import View
    from pipelines.settings_shape import Settings

DAY = timedelta(days=1)


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
    with wiring.records(settings) as records, bars() as progress:
        store = wiring.store(settings)
        hindsight = everything(store, records)
        window = last_window(settings, records, hindsight, test_start)
        told = setup(settings, store.telemetry.metrics())
        found = replay_and_judge(hindsight, window, told, judging(settings), progress)
        progress("drawing", 0, 0)
        standing = published(records.latest_scores(), records.decisions(), settings.policy.horizon_days)
        contents = gather(found, hindsight, settings, wiring.wall_clock(), Live(standing, versions(store)))
    return write(contents, path)


def write(contents: Contents, path: Path) -> Made:
    """Write the page, whole or not at all."""
    page = render(contents)
    with whole_file(path) as part:
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


def last_window(settings: Settings, records: Records, hindsight: View, test_start: datetime | None) -> Window:
    """Judge up to the newest midnight of the records; by default at most half of them, so that half is learned from."""
    nodes = hindsight.nodes()
    newest, oldest = nodes["as_of"].max(), nodes["observed_from"].min()
    if not isinstance(newest, datetime) or not isinstance(oldest, datetime):
        raise EmptyTableError("the state", "holds no records yet", mend="run `nodeward ingest` first")
    now = wiring.clock(settings, records)()
    end = moments.on_grid(min(now, newest), DAY)
    if test_start is not None and test_start >= end:
        raise SettingsError(
            f"--test-start {test_start:%Y-%m-%d} does not come before {end:%Y-%m-%d}, where the records end",
            mend="give an earlier --test-start, or ingest newer records",
        )
    latest_half = end - (end - oldest) / 2
    start = moments.on_grid(max(end - settings.report.days * DAY, latest_half), max(hindsight.width, DAY))
    return Window(test_start or start, end)
