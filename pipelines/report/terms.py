"""Numbers and names as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from serving.formats import DASH, number

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from models.metrics.estimate import Estimate

MODELS: Final = {
    "model": "Nodeward",
    "lightgbm_raw": "plain LightGBM",
    "logistic": "logistic regression",
    "history": "history only",
    "rule": "one rule",
    "base_rate": "same risk for all",
    "random": "at random",
}
NOTHING: Final = DASH
MINUS: Final = "\N{MINUS SIGN}"
HOURS_A_DAY: Final = 24
HOURS_AS_DAYS: Final = 48  # from here on, hours are told as days


def model_name(name: str) -> str:
    """Say what a model is called here."""
    return MODELS.get(name, name)


def share(value: float | None, digits: int = 2) -> str:
    """Write a share in per cent, with two digits that mean something."""
    if value is None or math.isnan(value):
        return NOTHING
    return f"{typeset(100 * value, digits)}%"


def typeset(value: float | None, digits: int = 3) -> str:
    """Write a number with so many digits, and a real minus sign."""
    return number(value, digits).replace("-", MINUS)


def rough(value: float | None) -> str:
    """Write a number with two digits that mean something."""
    return typeset(value, 2)


def with_interval(figure: Estimate, write: Callable[[float | None], str] = share) -> str:
    """Write a figure with its interval, if it has one."""
    low, high = figure.bounds()
    value = write(figure.value)
    return value if low is None or high is None else f"{value} [{write(low)}, {write(high)}]"


def points(value: float | None) -> str:
    """Write a difference of shares in percentage points, with its sign."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{100 * value:+.0f}".replace("-", MINUS) if round(100 * value) else "0"


def hours(value: float | None) -> str:
    """Write a time span: hours, or days where there are many."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:.0f} h" if value < HOURS_AS_DAYS else f"{typeset(value / HOURS_A_DAY, 2)} days"


def days(value: float) -> str:
    """Write whole days."""
    return f"{value:g} day{'' if value == 1 else 's'}"


def day(moment: datetime) -> str:
    """Write a day: 4 Jul 2021."""
    return f"{moment.day} {moment:%b %Y}"


def when(moment: datetime) -> str:
    """Write a time in UTC: 4 Jul 2021, 06:00 UTC."""
    return f"{day(moment)}, {moment:%H:%M} UTC"
