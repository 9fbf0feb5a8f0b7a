"""Rounds times to the grid on which buckets and days end: multiples of a width since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

Span = tuple[datetime, datetime]  # both ends included

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
MICROSECOND: Final = timedelta(microseconds=1)


def in_days(length: timedelta) -> float:
    """Return a length of time in days."""
    return length / DAY


def in_hours(length: timedelta) -> float:
    """Return a length of time in hours."""
    return length / HOUR


def floor_time(moment: datetime, width: timedelta) -> datetime:
    """Round down: the end of the last bucket that is complete at a time."""
    return EPOCH + (moment - EPOCH) // width * width


def ceil_time(moment: datetime, width: timedelta) -> datetime:
    """Round up: the end of the bucket (end - width, end] that contains a time."""
    return EPOCH - (EPOCH - moment) // width * width
