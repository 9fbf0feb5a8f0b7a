"""Chooses the time that a command works as of, and checks that the records reach it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import DataError, EmptyTableError, SettingsError, TooLittleDataError
from data.schema import NODE
from data.time_grid import DAY, floor_time
from models.backtest.replay import BacktestWindow
from pipelines.wiring import wiring
from serving.formats import date_or_minute

if TYPE_CHECKING:
    from data.delta.store import Store
    from data.sql.records import Records
    from data.view import View
    from pipelines.settings.schema import Settings

MAX_MISSED_BUCKETS: Final = 3
MAX_GAPS: Final = 2  # times the longest gap between events
MOST_FORECASTS: Final = 2_000_000  # nodes x times of a default window: more would take hours
FEWEST_DAYS: Final = 2  # of a window that begins at a midnight


def as_of(settings: Settings, records: Records, requested: datetime | None) -> datetime:
    """Return the requested time, by default now.

    Raises:
        SettingsError: if the requested time is in the future.
    """
    now = wiring.clock(settings, records)()
    if requested is not None and requested > now:
        raise SettingsError(
            f"{requested:%Y-%m-%d %H:%M} UTC is in the future: now is {now:%Y-%m-%d %H:%M} UTC "
            f"(clock.now = {settings.clock.now!r})",
            fix="choose an earlier time, or ingest newer records",
        )
    return requested or now


def cutoff(settings: Settings, records: Records, requested: datetime | None) -> datetime:
    """Return the end of the last whole bucket at the requested time, by default now."""
    return floor_time(as_of(settings, records, requested), settings.buckets.width)


def staleness_warnings(settings: Settings, store: Store, records: Records, when: datetime) -> tuple[str, ...]:
    """Return a warning if the records end long before a time: missing records would look like healthy nodes.

    Raises:
        DataError: if the clock is the wall clock and the gap is longer than this fleet is ever silent.
    """
    newest = newest_record_time(store, records)
    if newest is None or when - newest <= settings.policy.stale_after:
        return ()
    kind, days = "telemetry" if store.telemetry.metrics() else "record", (when - newest) / DAY
    fact = f"the newest {kind} is of {newest:%Y-%m-%d %H:%M} UTC, {days:.1f} days before"
    longest = _longest_silence(settings, store, records)
    if settings.clock.now == "wall" and longest is not None and when - newest > longest:
        raise DataError(
            f"{fact} {when:%Y-%m-%d %H:%M} UTC: without newer records every node would look healthy",
            fix="repair what collects the records and ingest; if no more records will come, set clock.now = 'data'; "
            "or accept older ones with --set policy.stale_after=DURATION",
        )
    return (f"{fact}: ingest newer records, or set clock.now = 'data' if no more will come",)


def newest_record_time(store: Store, records: Records) -> datetime | None:
    """Return the time of the newest telemetry, or without telemetry that of the newest inventory."""
    if not store.telemetry.metrics():
        newest_inventory: datetime | None = records.nodes().select(pl.col("as_of").max()).item()
        return newest_inventory
    return store.telemetry.table.rows_and_newest()[1]


def evaluation_window(
    settings: Settings, records: Records, hindsight: View, test_start: datetime | None
) -> BacktestWindow:
    """Return the window of an evaluation: by default the last `report.days` before the newest midnight of the records.

    The default is at most half of the history, so that the other half is left to train on, and at most
    MOST_FORECASTS. The history begins with the records, or at `forecast.history_start`.

    Raises:
        EmptyTableError: if there are no records.
        SettingsError: if `test_start` is not after the beginning of the history and before the end of the records.
        TooLittleDataError: if the history holds no midnight.
    """
    nodes = hindsight.nodes()
    newest, oldest = nodes["as_of"].max(), nodes["observed_from"].min()
    if not isinstance(newest, datetime) or not isinstance(oldest, datetime):
        raise EmptyTableError("the state", "holds no records yet", fix="run `nodeward ingest` first")
    now = wiring.clock(settings, records)()
    end = floor_time(min(now, newest), DAY)
    first = max(oldest, settings.forecast.history_start_time or oldest)
    if first >= end:
        raise TooLittleDataError(
            f"the history begins at {first:%Y-%m-%d %H:%M} UTC, and no midnight of the records is after it",
            fix="ingest newer records, or set an earlier forecast.history_start",
        )
    if test_start is None:
        return BacktestWindow(_default_start(settings, nodes[NODE].n_unique(), first, end), end)
    if test_start >= end:
        raise SettingsError(
            f"--test-start {date_or_minute(test_start)} is not before {end:%Y-%m-%d}, where the records end",
            fix="give an earlier --test-start, or ingest newer records",
        )
    if test_start <= first:
        raise SettingsError(
            f"--test-start {date_or_minute(test_start)} is not after {date_or_minute(first)}, where the history begins",
            fix="give a later --test-start; forecast.history_start is where a history begins, if it is set",
        )
    return BacktestWindow(test_start, end)


def _default_start(settings: Settings, nodes: int, first: datetime, end: datetime) -> datetime:
    """Return the start of the default window for a history from `first` to `end`: a midnight unless it is short."""
    every, width = settings.forecast.every, settings.buckets.width
    most = max(MOST_FORECASTS // nodes, 1) * every
    length = min(settings.report.days * DAY, (end - first) / 2, most)
    return floor_time(end - length, max(width, DAY if length >= FEWEST_DAYS * DAY else every))


def _longest_silence(settings: Settings, store: Store, records: Records) -> timedelta | None:
    """Return how old the newest record may be; None if that is unknown.

    That is three buckets of telemetry. Without telemetry it is twice the longest time between two events,
    since events are irregular.
    """
    least = settings.policy.stale_after
    if store.telemetry.metrics():
        return max(least, MAX_MISSED_BUCKETS * settings.buckets.width)
    gap: timedelta | None = records.events().select(pl.col("start").sort().diff().max()).item()
    return None if gap is None else max(least, MAX_GAPS * gap)
