"""Maps values to places on a picture, and chooses round values to label on an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

DAY: Final = np.timedelta64(1, "D")
MONDAY: Final = np.datetime64("1970-01-05", "us")
STEPS: Final = (1, 2, 2.5, 5, 10)
DECADE: Final = (1, 2, 5)
TIME_STEPS: Final = (
    *(np.timedelta64(minutes, "m") for minutes in (1, 2, 5, 10, 15, 30)),
    *(np.timedelta64(hours, "h") for hours in (1, 2, 3, 6, 12)),
    *(np.timedelta64(days, "D") for days in (1, 2, 7, 14)),
)
FEWEST_DAYS: Final = 10  # on a shorter axis, times of the day are named
MONTH_STEPS: Final = (1, 2, 3, 6, 12, 24)
DAYS_A_MONTH: Final = 30.4


@dataclass(frozen=True, slots=True)
class LinearScale:
    """Maps values from `low` to `high` to places from `start` to `end`, in proportion."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        return self.start + (value - self.low) / ((self.high - self.low) or 1.0) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Return round values, about `most` or fewer."""
        smallest = max(self.high - self.low, 1e-12) / most
        power = 10.0 ** math.floor(math.log10(smallest))
        step = power * next((step for step in STEPS if power * step >= smallest * (1 - 1e-9)), STEPS[-1])
        first = math.ceil(self.low / step - 1e-9)
        return [round(count * step, 12) for count in range(first, math.floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class LogarithmicScale:
    """Maps positive values to places in proportion to their logarithms; values outside go to the nearest edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        if math.isnan(value):
            return math.nan
        clipped = min(max(value, self.low), self.high)
        return LinearScale(math.log10(self.low), math.log10(self.high), self.start, self.end)(math.log10(clipped))

    def ticks(self, most: int) -> list[float]:
        """Return 1, 2 and 5 of every decade; if these are too many the decades, or else some of the values."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        candidates = [float(f"{digit}e{power}") for power in powers for digit in DECADE]
        inside = [value for value in candidates if self.low * (1 - 1e-9) <= value <= self.high * (1 + 1e-9)]
        decades = [value for value in inside if f"{value:e}".startswith("1")]
        if len(inside) <= most:
            return inside
        return decades if len(decades) > 1 else inside[:: -(-len(inside) // most)]


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Maps times (UTC) from `low` to `high` to places from `start` to `end`."""

    low: np.datetime64
    high: np.datetime64
    start: float
    end: float

    def __call__(self, moment: np.datetime64) -> float:
        """Return the place of a time."""
        days = LinearScale(0.0, float((self.high - self.low) / DAY), self.start, self.end)
        return days(float((moment - self.low) / DAY))

    def ticks(self, most: int) -> list[tuple[np.datetime64, str]]:
        """Return minutes, hours, days, weeks or months with their names."""
        length = self.high - self.low
        step = next((step for step in TIME_STEPS if length / step <= most), None)
        return self._months(float(length / DAY) / DAYS_A_MONTH, most) if step is None else self._times(step)

    def name(self, moment: np.datetime64) -> str:
        """Return the name of a time as precise as the axis is: a day, or a minute where the axis is short."""
        return day_name(moment) if (self.high - self.low) / DAY >= FEWEST_DAYS else time_name(moment)

    def _times(self, step: np.timedelta64) -> list[tuple[np.datetime64, str]]:
        """Name midnights by their day, other times by the clock; and the first one by both if there is no midnight."""
        first = -((MONDAY - self.low) // step)
        moments = MONDAY + np.arange(first, (self.high - MONDAY) // step + 1) * step
        has_midnight = any(is_midnight(moment) for moment in moments)
        return [
            (moment, time_name(moment) if is_midnight(moment) or not (position or has_midnight) else clock_name(moment))
            for position, moment in enumerate(moments)
        ]

    def _months(self, months: float, most: int) -> list[tuple[np.datetime64, str]]:
        step = next((step for step in MONTH_STEPS if months / step <= most), MONTH_STEPS[-1])
        first, last = (moment.astype("datetime64[M]").astype(int) for moment in (self.low, self.high))
        shown = [np.datetime64(month, "M") for month in range(-(-first // step) * step, last + 1, step)]
        return [(month.astype("datetime64[us]"), _month_name(month)) for month in shown if month >= self.low]


def is_midnight(moment: np.datetime64) -> bool:
    """Return whether a time is the start of a day."""
    return bool(moment == moment.astype("datetime64[D]"))


def day_name(moment: np.datetime64) -> str:
    """Return the name of a day without its year: 4 Jul."""
    day = moment.astype("datetime64[D]").item()
    return f"{day.day} {day:%b}"


def clock_name(moment: np.datetime64) -> str:
    """Return the time of the day: 06:30."""
    return f"{moment.astype('datetime64[m]').item():%H:%M}"


def time_name(moment: np.datetime64) -> str:
    """Return the name of a day, and the time of the day unless it is midnight: 4 Jul 06:30."""
    return day_name(moment) if is_midnight(moment) else f"{day_name(moment)} {clock_name(moment)}"


def _month_name(month: np.datetime64) -> str:
    first = month.astype("datetime64[D]").item()
    return f"{first:%b}" if first.month > 1 else f"{first:%Y}"
