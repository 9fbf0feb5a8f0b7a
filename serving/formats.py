"""Numbers, ranges and times as people write them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

Amount = tuple[str, str]  # a number, and its unit
DASH: Final = "\N{EN DASH}"
DIGITS: Final = 3
TINY: Final = 1e-6  # from here down, zeros are harder to count than to write as a power of ten
FEWEST_DAYS: Final = 2  # below that, hours
RECENT: Final = timedelta(days=300)  # dates this near need no year
DAY_HOURS: Final = 24.0


def number(value: float | None, digits: int = DIGITS) -> str:
    """Write a number with so many significant digits, as a power of ten only if it is tiny; a dash for none."""
    if value is None or not math.isfinite(value):
        return DASH
    if abs(value) >= 10**digits - 0.5:
        return f"{value:,.0f}"
    text = f"{value + 0.0:.{digits}g}"
    if "e" not in text or abs(value) < TINY:
        return text
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{value:.{decimals}f}".rstrip("0")


def plain(value: float, unit: str) -> Amount:
    """Write a number in its own unit."""
    return number(value), unit


def bare(value: float, _unit: str) -> Amount:
    """Write a number whose unit the sentence says."""
    return number(value), ""


def roughly(value: float, _unit: str) -> Amount:
    """Write a multiple of the fleet's."""
    return number(value, 2), ""


def a_day(value: float, unit: str) -> Amount:
    """Write a number whose sentence says 'a day'."""
    return number(value), unit.removesuffix("/d")


def percent(value: float, _unit: str) -> Amount:
    """Write a share of 1."""
    return number(100 * value), "%"


def days(value: float, _unit: str) -> Amount:
    """Write days, or hours if there are few."""
    return (number(value), "days") if abs(value) >= FEWEST_DAYS else (number(DAY_HOURS * value), "h")


def hours(value: float, unit: str) -> Amount:
    """Write hours, or days if there are many."""
    return days(value / DAY_HOURS, unit)


def joined(amount: Amount) -> str:
    """Write an amount on one line: 3 W, 3%, 3."""
    told, unit = amount
    return f"{told}{unit}" if unit in {"", "%"} else f"{told} {unit}"


def span(low: Amount, high: Amount, unit: str) -> str:
    """Write a range; a unit that was just said is not said again."""
    if low[1] != high[1]:
        return f"{joined(low)} to {joined(high)}"
    end = "" if high[1] == unit != "%" else high[1]
    if low[0] == high[0]:
        return joined((high[0], end))
    between = " to " if low[0].startswith("-") else DASH
    return joined((f"{low[0]}{between}{high[0]}", end))


def length(time: timedelta) -> str:
    """Write a length of time."""
    return joined(days(time / timedelta(days=1), ""))


def ago(then: datetime, now: datetime) -> str:
    """Write how long ago a time is."""
    return length(now - then) if then < now else "now"


def moment(time: datetime, at: datetime) -> str:
    """Write a time: with the hour unless it is midnight, with the year if it is long ago."""
    told = f"{time.day} {time:%b}" + ("" if at - time < RECENT else f" {time.year}")
    return told if time.hour == time.minute == 0 else f"{told} {time:%H:%M}"


def counted(count: int, noun: str) -> str:
    """Write a count and its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
