"""The sentence that a feature's value is written in; serving/explanation fills the sentences in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NORMAL: Final = "{normal}"  # where a sentence puts the normal range; in all others the range comes last


class ValueFormat(StrEnum):
    """How the value is written."""

    WITH_UNIT = "with unit"
    WITHOUT_UNIT = "without unit"  # the sentence already names it
    MULTIPLE = "multiple"  # of the fleet's value: two significant digits, no unit
    PER_DAY = "per day"  # without the '/d' of the unit: the sentence has 'a day'
    PERCENT = "percent"  # of a share of 1
    DAYS = "days"  # or hours, if there are few
    HOURS = "hours"  # or days, if there are many


@dataclass(frozen=True, slots=True)
class Phrase:
    """The sentence for a value above zero, below zero, zero, and missing.

    Placeholders: metric, title, value, times, failures, below, group, window, within, over, average, cause, last,
    on, normal.
    """

    positive: str
    negative: str = ""  # {value} is written without its sign; empty: as a positive value
    zero: str = ""  # empty: as a positive value
    missing: str = "{metric}: no value{within}"
    format: ValueFormat = ValueFormat.WITH_UNIT

    def of(self, value: float) -> str:
        """Return the sentence for a value; NaN is a missing one."""
        if math.isnan(value):
            return self.missing
        return (value == 0 and self.zero) or (value < 0 and self.negative) or self.positive


BY_NAME: Final = Phrase("{title} {value}")  # for a feature that is explained by another one, in the metric's own unit
