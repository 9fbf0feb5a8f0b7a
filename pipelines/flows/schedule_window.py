"""Which window of a schedule is open at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from cronsim import CronSim


def window_start(cron: str, at: datetime) -> datetime:
    """Give the newest time at or before `at` that a schedule names: the window that it opened is still open."""
    return next(CronSim(cron, at + timedelta(microseconds=1), reverse=True))
