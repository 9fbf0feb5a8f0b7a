"""Reads and writes durations as people write them in settings: 36h, 1d, 90m, 0s."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_WRITTEN: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}  # weeks are read, never written
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([wdhms])")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(value: object) -> timedelta:
    """Return the duration that `36h`, `1d12h` or `0s` means; raise ValueError for anything else, even a bare number."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        msg = "should be a duration such as 36h, 1d, 90m or 0s"
        raise ValueError(msg)
    try:
        return sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in _PART.findall(value)), timedelta())
    except OverflowError:
        msg = "is longer than a duration can be"
        raise ValueError(msg) from None


def format_duration(value: timedelta) -> str:
    """Return a duration as text that `parse_duration` reads back, in as few parts as possible."""
    rest, parts = value, []
    for unit, name in _WRITTEN.items():
        count, rest = divmod(rest, timedelta(**{name: 1}))
        if count:
            parts.append(f"{count}{unit}")
    if rest:
        parts.append(f"{rest.microseconds / 1e6:f}s")
    return "".join(parts) or "0s"
