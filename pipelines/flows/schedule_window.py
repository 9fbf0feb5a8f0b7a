"""Finds the window of a schedule that is open at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from cronsim import CronSim


def window_start(cron: str, at: datetime) -> datetime:
    """Return the last scheduled time at or before `at`, which opened the window that is still open."""
    return next(CronSim(cron, at + timedelta(microseconds=1), reverse=True))
