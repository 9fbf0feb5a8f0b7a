"""Runs a backtest from a source's files to its evaluation, in a private state folder."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from data.errors import SettingsError, TooLittleDataError
from data.ingest.ingest import ingest
from data.time_grid import DAY
from models.backtest.replay import BacktestWindow
from models.backtest.run import run_backtest
from pipelines.output.progress import progress_bars
from pipelines.wiring import wiring
from pipelines.wiring.as_of import newest_record_time
from pipelines.wiring.ingest_options import ingest_options
from pipelines.wiring.training_setup import evaluation_options, hindsight_view, training_setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from data.view import View
    from models.backtest.result import Backtest
    from pipelines.settings.schema import Settings

MAX_QUIET: Final = 3 * DAY  # after the last event, without a notice


def run(
    settings: Settings,
    start: datetime,
    end: datetime | None,
    *,
    keep: bool,
    on_result: Callable[[Backtest, View], None] | None = None,
) -> Backtest:
    """Ingest the source into a private folder, train on what was known at `start`, evaluate forecasts up to `end`.

    By default `end` is the last midnight by which something was recorded. `on_result` gets the result and the
    records before their folder is deleted.
    """
    began = time.monotonic()
    _require_order(start, end)
    with (
        _private_state(settings, keep=keep) as private,
        wiring.records(private) as database,
        progress_bars() as progress,
    ):
        store = wiring.store(private)
        ingest(wiring.source(private), store, database, wiring.wall_clock, ingest_options(private, progress))
        hindsight = hindsight_view(store, database)
        newest = _newest_time(hindsight, newest_record_time(store, database))
        _require_recorded(end, newest)
        window = BacktestWindow(start, end or last_midnight(hindsight))
        setup = training_setup(private, store.telemetry.metrics())
        backtest = run_backtest(hindsight, window, setup, evaluation_options(private), progress)
        notices = () if end else _quiet_end(window.end, newest)
        kept = private.state.path if keep else None
        backtest = replace(backtest, seconds=time.monotonic() - began, state_folder=kept, notices=notices)
        if on_result:
            on_result(backtest, hindsight)
    return backtest


def last_midnight(hindsight: View) -> datetime:
    """Return the last midnight (UTC) by which something was recorded.

    Raises:
        TooLittleDataError: if there is no event yet.
    """
    newest = hindsight.events()["recorded_at"].max()
    if not isinstance(newest, datetime):
        raise TooLittleDataError("the records hold no event yet", fix="backtest once failures were recorded")
    return newest.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _newest_time(hindsight: View, record: datetime | None) -> datetime | None:
    """Return the time of the newest event or other record."""
    event = hindsight.events()["recorded_at"].max()
    return max((time for time in (event, record) if isinstance(time, datetime)), default=None)


def _require_recorded(end: datetime | None, newest: datetime | None) -> None:
    """Refuse an end after the records: days without records would count as days without failures."""
    if end and newest and end - newest >= DAY:
        raise SettingsError(
            f"--test-end {end:%Y-%m-%d} is after {newest:%Y-%m-%d}, where the records end",
            fix="choose an earlier end, or leave it out",
        )


def _quiet_end(end: datetime, newest: datetime | None) -> tuple[str, ...]:
    """Return a notice if the records continue after the last event: the quiet days there had alarms too."""
    if newest is None or newest - end <= MAX_QUIET:
        return ()
    notice = (
        f"no event was recorded after {end:%Y-%m-%d}, and the records continue until {newest:%Y-%m-%d}: evaluated "
        f"without those {(newest - end).days} quiet days; --test-end {newest:%Y-%m-%d} includes them"
    )
    return (notice,)


def _require_order(start: datetime, end: datetime | None) -> None:
    if end is not None and end <= start:
        raise SettingsError(
            f"--test-end {end:%Y-%m-%d} is not after --test-start {start:%Y-%m-%d}",
            fix="give a later --test-end, or an earlier --test-start",
        )


@contextmanager
def _private_state(settings: Settings, *, keep: bool) -> Iterator[Settings]:
    """Yield the settings with a private state folder, which is deleted at the end unless `keep`."""
    folder = Path(tempfile.mkdtemp(prefix="backtest-", dir=wiring.state_folder(settings)))
    try:
        yield settings.model_copy(update={"state": settings.state.model_copy(update={"path": folder, "url": ""})})
    finally:
        if not keep:
            shutil.rmtree(folder)
