"""Writes numbers, times and the names of models for the report: serving/formats with typographic signs."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from serving.formats import DASH, duration, number

if TYPE_CHECKING:
    from datetime import datetime

MODEL_NAMES: Final = {
    "model": "Nodeward",
    "lightgbm_raw": "plain LightGBM",
    "logistic": "logistic regression",
    "history": "history only",
    "rule": "one rule",
    "base_rate": "same risk for all",
    "random": "at random",
}
MINUS: Final = "\N{MINUS SIGN}"
HYPHEN_OF_NUMBER: Final = re.compile(r"(?<![^\s(\[])-(?=[\d.])")
WHOLE: Final = re.compile(rf"\S+{DASH}\S+|odds ×\S+|\[[^\[\]]+\]")  # ranges, odds, intervals
DIGITS_OF_A_SPAN: Final = 2


def unbroken(text: str) -> Markup:
    """Return a sentence with typographic minus signs, in which ranges, odds and intervals stay on one line."""
    sentence = str(escape(HYPHEN_OF_NUMBER.sub(MINUS, text)))
    return Markup(WHOLE.sub(r'<span class="whole">\g<0></span>', sentence))  # noqa: S704  - escaped above


def model_name(model: str) -> str:
    """Return what a model is called in the report."""
    return MODEL_NAMES.get(model, model)


def typeset(value: float | None, digits: int = 3) -> str:
    """Return a number with so many significant digits and a typographic minus sign; a dash for none."""
    return number(value, digits).replace("-", MINUS)


def rounded(value: float | None) -> str:
    """Return a number with two significant digits."""
    return typeset(value, 2)


def percentage(share: float | None) -> str:
    """Return a share of 1 as a percentage with two significant digits; a dash for none."""
    if share is None or math.isnan(share):
        return DASH
    return f"{typeset(100 * share, 2)}%"


def points(difference: float | None) -> str:
    """Return a difference of shares in whole percentage points, with its sign; a dash for none."""
    if difference is None or not math.isfinite(difference):
        return DASH
    return f"{100 * difference:+.0f}".replace("-", MINUS) if round(100 * difference) else "0"


def hours(value: float | None) -> str:
    """Return a number of hours as a time span with two significant digits, in the unit that suits it; a dash for none.

    45 min, 3.4 h, 6.3 days.
    """
    if value is None or not math.isfinite(value):
        return DASH
    return duration(timedelta(hours=value), DIGITS_OF_A_SPAN)


def date(time: datetime) -> str:
    """Return a date: 4 Jul 2021."""
    return f"{time.day} {time:%b %Y}"


def moment(time: datetime) -> str:
    """Return a date, and the time of the day unless it is midnight: 4 Jul 2021, 06:30."""
    return date(time) if time.hour == time.minute == 0 else f"{date(time)}, {time:%H:%M}"


def date_and_time(time: datetime) -> str:
    """Return a date and time in UTC: 4 Jul 2021, 06:00 UTC."""
    return f"{date(time)}, {time:%H:%M} UTC"
