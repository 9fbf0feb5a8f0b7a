"""Runs a backtest from a source's files to the judgement, in a private state folder."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import SettingsError, TooLittleDataError
from data.ingest.ingest import ingest
from models.backtest.replay import BacktestWindow
from models.backtest.run import run_backtest
from pipelines.output.progress import bars
from pipelines.wiring import wiring
from pipelines.wiring.as_of import newest_record_time
from pipelines.wiring.ingest_options import ingest_options
from pipelines.wiring.training_setup import evaluation_options, hindsight_view, training_setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from data.view import View
    from models.backtest.result import Backtest
    from pipelines.settings.schema import Settings

DAY = timedelta(days=1)
QUIET = 3 * DAY  # after the last event


def run(
    settings: Settings,
    start: datetime,
    end: datetime | None,
    *,
    keep: bool,
    look: Callable[[Backtest, View], None] | None = None,
) -> Backtest:
    """Ingest the source into a folder of its own, train at `start`, and judge forecasts up to `end`.

    Without `end`: the last midnight by which something was recorded. `look` sees the result beside the
    records, before their folder goes.
    """
    began = time.monotonic()
    _require_order(start, end)
    with _private(settings, keep=keep) as own, wiring.records(own) as database, bars() as progress:
        store = wiring.store(own)
        ingest(wiring.source(own), store, database, wiring.wall_clock, ingest_options(own, progress))
        hindsight = hindsight_view(store, database)
        newest = _newest(hindsight, newest_record_time(store, database))
        _require_recorded(end, newest)
        window = BacktestWindow(start, end or last_midnight(hindsight))
        described = training_setup(own, store.telemetry.metrics())
        told = run_backtest(hindsight, window, described, evaluation_options(own), progress)
        notices = () if end else _unjudged(window.end, newest)
        kept = own.state.path if keep else None
        found = replace(told, seconds=time.monotonic() - began, state_folder=kept, notices=notices)
        if look:
            look(found, hindsight)
    return found


def last_midnight(hindsight: View) -> datetime:
    """Give the last midnight (UTC) by which something was recorded.

    Raises:
        TooLittleDataError: if there is no event yet.
    """
    newest = hindsight.events()["recorded_at"].max()
    if not isinstance(newest, datetime):
        raise TooLittleDataError("the records hold no event yet", fix="replay them once failures were recorded")
    return newest.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _newest(hindsight: View, record: datetime | None) -> datetime | None:
    """Give the time of the newest record of any kind."""
    event = hindsight.events()["recorded_at"].max()
    return max((one for one in (event, record) if isinstance(one, datetime)), default=None)


def _require_recorded(end: datetime | None, newest: datetime | None) -> None:
    """Refuse to take days of which nothing is recorded for days without a failure."""
    if end and newest and end - newest >= DAY:
        raise SettingsError(
            f"--test-end {end:%Y-%m-%d} comes after {newest:%Y-%m-%d}, where the records end",
            fix="choose an earlier end, or leave it out",
        )


def _unjudged(end: datetime, newest: datetime | None) -> tuple[str, ...]:
    """Say so if the records go on after the last event: the quiet days there had alarms too."""
    if newest is None or newest - end <= QUIET:
        return ()
    told = (
        f"no event was recorded after {end:%Y-%m-%d}, and the records go on until {newest:%Y-%m-%d}: judged without "
        f"those {(newest - end).days} quiet days; --test-end {newest:%Y-%m-%d} judges them as well"
    )
    return (told,)


def _require_order(start: datetime, end: datetime | None) -> None:
    if end is not None and end <= start:
        raise SettingsError(
            f"--test-end {end:%Y-%m-%d} does not come after --test-start {start:%Y-%m-%d}",
            fix="give a later --test-end, or an earlier --test-start",
        )


@contextmanager
def _private(settings: Settings, *, keep: bool) -> Iterator[Settings]:
    """Give the settings with a state folder of their own, which goes at the end unless it is kept."""
    folder = Path(tempfile.mkdtemp(prefix="backtest-", dir=wiring.state_folder(settings)))
    try:
        yield settings.model_copy(update={"state": settings.state.model_copy(update={"path": folder, "url": ""})})
    finally:
        if not keep:
            shutil.rmtree(folder)
