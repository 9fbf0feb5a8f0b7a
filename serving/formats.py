"""Format numbers, ranges and times for people, in the same way in reasons, reports and terminal views."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

Amount = tuple[str, str]  # a formatted number and its unit
DASH: Final = "\N{EN DASH}"
DIGITS: Final = 3
TINY: Final = 1e-6  # below this, a power of ten is easier to read than a row of zeros
FEWEST_PERCENT: Final = 1  # below it, one decimal says little
SPANS: Final = {"days": 1.0, "h": 24.0, "min": 1440.0, "s": 86_400.0}  # how many make a day
FEWEST: Final = {"days": 2.0, "h": 1.0, "min": 1.0, "s": 0.0}  # below so many, the next shorter unit is used
ALMOST: Final = 1 - 1e-9  # an hour that was divided into days and back may be a little less than one
RECENT: Final = timedelta(days=300)  # a date in this period is written without its year
DAY_HOURS: Final = 24.0


def number(value: float | None, digits: int = DIGITS) -> str:
    """Format a number with `digits` significant digits; a dash if it is missing or not finite.

    Only numbers below TINY are written with a power of ten.
    """
    if value is None or not math.isfinite(value):
        return DASH
    if abs(value) >= 10**digits - 0.5:
        return f"{value:,.0f}"
    text = f"{value + 0.0:.{digits}g}"
    if "e" not in text or abs(value) < TINY:
        return text
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{value:.{decimals}f}".rstrip("0")


def with_unit(value: float, unit: str) -> Amount:
    """Format a number in its own unit."""
    return number(value), unit


def without_unit(value: float, _unit: str) -> Amount:
    """Format a number whose unit is part of the sentence around it."""
    return number(value), ""


def multiple(value: float, _unit: str) -> Amount:
    """Format a multiple of another value, with two digits."""
    return number(value, 2), ""


def per_day(value: float, unit: str) -> Amount:
    """Format a rate per day for a sentence that contains 'a day'."""
    return number(value), unit.removesuffix("/d")


def percent(value: float, _unit: str) -> Amount:
    """Format a share of 1 as a percentage."""
    return number(100 * value), "%"


def chance(probability: float) -> str:
    """Format a probability as a percentage with one decimal, a small one with two significant digits: 42.8%, 0.045%."""
    return f"{probability:.1%}" if probability >= FEWEST_PERCENT / 100 else f"{number(100 * probability, 2)}%"


def days(value: float, _unit: str, digits: int = DIGITS) -> Amount:
    """Format a number of days; below two days in hours, below an hour in minutes, below a minute in seconds."""
    if value == 0 or not math.isfinite(value):
        return number(value), "h"
    unit = next(unit for unit, fewest in FEWEST.items() if SPANS[unit] * abs(value) >= fewest * ALMOST)
    return number(SPANS[unit] * value, digits), unit


def hours(value: float, unit: str) -> Amount:
    """Format a number of hours, in the unit that `days` would choose."""
    return days(value / DAY_HOURS, unit)


def join_unit(amount: Amount) -> str:
    """Join a number and its unit: 3 W, 3%, 3."""
    text, unit = amount
    return f"{text}{unit}" if unit in {"", "%"} else f"{text} {unit}"


def value_range(low: Amount, high: Amount, preceding_unit: str) -> str:
    """Format a range; leave out its unit if that is `preceding_unit`, the unit of the amount before it."""
    if low[1] != high[1]:
        return f"{join_unit(low)} to {join_unit(high)}"
    unit = "" if high[1] == preceding_unit != "%" else high[1]
    if low[0] == high[0]:
        return join_unit((high[0], unit))
    separator = " to " if low[0].startswith("-") else DASH
    return join_unit((f"{low[0]}{separator}{high[0]}", unit))


def duration(time: timedelta, digits: int = DIGITS) -> str:
    """Format a duration in days, hours, minutes or seconds: 7 days, 24 h, 30 min."""
    return join_unit(days(time / timedelta(days=1), "", digits))


def alarm_rate(rate: float) -> str:
    """Format a rate of alarms per node and day: one alarm per 200 nodes and day."""
    if rate > 1:
        return f"{number(rate)} alarms per node and day"
    nodes = number(1 / rate)
    return f"one alarm per {'node' if nodes == '1' else f'{nodes} nodes'} and day"


def elapsed(then: datetime, now: datetime) -> str:
    """Format the time from `then` to `now`; 'now' if none has passed."""
    return duration(now - then) if then < now else "now"


def short_time(time: datetime, now: datetime) -> str:
    """Format a time: with hour and minute unless it is midnight, with the year unless it is RECENT."""
    date = f"{time.day} {time:%b}" + ("" if now - time < RECENT else f" {time.year}")
    return date if time.hour == time.minute == 0 else f"{date} {time:%H:%M}"


def date_or_minute(time: datetime) -> str:
    """Format a time as 2024-03-09, with hour and minute unless it is midnight."""
    return f"{time:%Y-%m-%d}" if time.hour == time.minute == 0 else f"{time:%Y-%m-%d %H:%M}"


def pluralize(count: int, noun: str) -> str:
    """Format a count and its noun: 1 node, 2,000 nodes."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
