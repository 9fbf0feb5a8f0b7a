"""Durations as people write them in settings: 36h, 1d, 90m, 0s."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_UNIT: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([wdhms])")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(value: object) -> timedelta:
    """Read `36h`, `1d12h` or `0s`; raise ValueError for anything else, a bare number included."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        msg = "should be a duration such as 36h, 1d, 90m or 0s"
        raise ValueError(msg)
    try:
        return sum((timedelta(**{_UNIT[unit]: float(n)}) for n, unit in _PART.findall(value)), timedelta())
    except OverflowError:
        msg = "is longer than a duration can be"
        raise ValueError(msg) from None


def format_duration(value: timedelta) -> str:
    """Write a duration so that `parse_duration` reads it back, in the fewest parts."""
    rest, parts = value, []
    for unit, name in _UNIT.items():
        step = timedelta(**{name: 1})
        count, rest = divmod(rest, step)
        if count:
            parts.append(f"{count}{unit}")
    if rest:
        parts.append(f"{rest.microseconds / 1e6:f}s")
    return "".join(parts) or "0s"
