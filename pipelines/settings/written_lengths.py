"""Reads lengths of time that are not written as settings take them, so that an error can give the line to write."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from data.durations import format_duration
from data.time_grid import DAY, HOUR
from pipelines.settings.field_types import LONGEST_DURATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.settings.suggestions import Key

# The keys of development versions whose values were numbers: the key that replaced each, and the unit of its numbers.
OLD_KEYS: Final[Mapping[Key, tuple[Key, timedelta]]] = {
    ("forecast", "horizons_days"): (("forecast", "horizons"), DAY),
    ("forecast", "every_days"): (("forecast", "every"), DAY),
    ("forecast", "lead_hours"): (("forecast", "leads"), HOUR),
    ("policy", "horizon_days"): (("policy", "horizon"), DAY),
}
_UNIT_OF_NUMBERS: Final = dict(OLD_KEYS.values())
_UNITS: Final = {
    **dict.fromkeys(("w", "week", "weeks"), timedelta(weeks=1)),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), HOUR),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), timedelta(seconds=1)),
}
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_PART: Final = re.compile(rf"({_NUMBER})\s*([a-z]*)[\s,]*", re.ASCII)
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def as_toml(lengths: timedelta | tuple[timedelta, ...]) -> str:
    """Return a length of time, or a list of them, as settings take it."""
    if isinstance(lengths, timedelta):
        return f'"{format_duration(lengths)}"'
    return f"[{', '.join(map(as_toml, lengths))}]"


def interpret(key: Key, value: object) -> timedelta | tuple[timedelta, ...] | None:
    """Return what a value most likely means: a number in the unit that the key once had, or text such as `6 hours`.

    Returns:
        None if it is no length of time above zero, or a number of a key that never had a unit.
    """
    unit = _UNIT_OF_NUMBERS.get(key)
    if not isinstance(value, list | tuple):
        return _length(value, unit)
    lengths = [_length(item, unit) for item in value]
    known = tuple(length for length in lengths if length is not None)
    return known if len(known) == len(lengths) > 0 else None


def _length(value: object, unit: timedelta | None) -> timedelta | None:
    text = str(value).strip().lower()
    if isinstance(value, bool) or not _WHOLE.fullmatch(text):
        return None
    parts = _PART.findall(text)
    lengths = [_UNITS.get(name) if name or len(parts) > 1 else unit for _, name in parts]
    try:
        total = sum((float(number) * of for (number, _), of in zip(parts, lengths, strict=True) if of), timedelta())
    except OverflowError:
        return None
    return total if None not in lengths and timedelta(0) < total <= LONGEST_DURATION else None
