"""The time that a flow works as of, and whether the records reach it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import DataError, EmptyTableError, SettingsError
from data.sql.records import Records
from data.time_grid import floor_time
from models.backtest.replay import Window
from pipelines.settings.schema import Settings
from pipelines.wiring import wiring

if TYPE_CHECKING:
    from data.delta.store import Store
    from data.sql.records import Records
    from data.view import View
    from pipelines.settings.schema import Settings

MISSED_BUCKETS: Final = 3
GAPS: Final = 2


def as_of(settings: Settings, records: Records, asked: datetime | None) -> datetime:
    """Take the time that was asked for, or else now.

    Raises:
        SettingsError: if that time is still to come.
    """
    now = wiring.clock(settings, records)()
    if asked is not None and asked > now:
        raise SettingsError(
            f"{asked:%Y-%m-%d %H:%M} UTC is still to come: now is {now:%Y-%m-%d %H:%M} UTC "
            f"(clock.now = {settings.clock.now!r})",
            fix="ask for an earlier time, or ingest newer records",
        )
    return asked or now


def doubts(settings: Settings, store: Store, records: Records, when: datetime) -> tuple[str, ...]:
    """Say so if the records end long before a time: the silence after them would pass for health.

    Raises:
        DataError: by the wall clock, if they end longer before than a fleet like this one is ever silent.
    """
    newest = newest_record(store, records)
    if newest is None or when - newest <= settings.policy.stale_after:
        return ()
    what, days = "telemetry" if store.telemetry.metrics() else "record", (when - newest) / timedelta(days=1)
    told = f"the newest {what} is of {newest:%Y-%m-%d %H:%M} UTC, {days:.1f} days before"
    longest = _longest_silence(settings, store, records)
    if settings.clock.now == "wall" and longest is not None and when - newest > longest:
        raise DataError(
            f"{told} {when:%Y-%m-%d %H:%M} UTC: the silence since then would pass for health",
            fix="repair what collects it and ingest; where the records have ended, set clock.now = 'data'; "
            "or accept older ones with --set policy.stale_after=DURATION",
        )
    return (f"{told}: ingest newer records, or set clock.now = 'data' where the records have ended",)


def _longest_silence(settings: Settings, store: Store, records: Records) -> timedelta | None:
    """Give how long the newest record may lie back; None if nobody can tell.

    That is three buckets of telemetry. Without telemetry it is twice the longest time that was ever between
    two events, since events come when they come.
    """
    least = settings.policy.stale_after
    if store.telemetry.metrics():
        return max(least, MISSED_BUCKETS * settings.buckets.width)
    gap: timedelta | None = records.events().select(pl.col("start").sort().diff().max()).item()
    return None if gap is None else max(least, GAPS * gap)


def newest_record(store: Store, records: Records) -> datetime | None:
    """Give the time of the newest telemetry, or of the newest inventory where there is none."""
    if not store.telemetry.metrics():
        found: datetime | None = records.nodes().select(pl.col("as_of").max()).item()
        return found
    table = store.telemetry.table
    newest: datetime | None = table.scan().select(pl.col(table.time).max()).collect().item()
    return newest


DAY = timedelta(days=1)


def last_window(settings: Settings, records: Records, hindsight: View, test_start: datetime | None) -> Window:
    """Judge up to the newest midnight of the records; by default at most half of them, so that half is learned from."""
    nodes = hindsight.nodes()
    newest, oldest = nodes["as_of"].max(), nodes["observed_from"].min()
    if not isinstance(newest, datetime) or not isinstance(oldest, datetime):
        raise EmptyTableError("the state", "holds no records yet", fix="run `nodeward ingest` first")
    now = wiring.clock(settings, records)()
    end = floor_time(min(now, newest), DAY)
    if test_start is not None and test_start >= end:
        raise SettingsError(
            f"--test-start {test_start:%Y-%m-%d} does not come before {end:%Y-%m-%d}, where the records end",
            fix="give an earlier --test-start, or ingest newer records",
        )
    latest_half = end - (end - oldest) / 2
    start = floor_time(max(end - settings.report.days * DAY, latest_half), max(hindsight.width, DAY))
    return Window(test_start or start, end)
