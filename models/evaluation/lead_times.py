"""How long before a failure the first alarm came: an alarm that comes too late to act on is of no use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation.budget_curve import caught_share, failure_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from features.grid import Array, Index
    from models.evaluation.context import EvaluationContext
    from models.metrics.estimate import Estimate

HOURS_A_DAY: Final = 24
NOTICE_HOURS: Final = (1, 6, 24, 72, 168)
BAR_HOURS: Final = (1, 2, 3, 6, 12, 24, 48, 72, 168)
MOST_BARS: Final = 16


def caught_share_name(hours: int) -> str:
    """Return the name of the measure that counts a failure as caught only with at least so many hours of notice."""
    return f"caught_share_{hours}h"


def notice_within(lead_hours: Sequence[int], horizon_days: float) -> tuple[int, ...]:
    """Keep the hours of notice that are shorter than the horizon: no alarm can give more."""
    return tuple(hours for hours in lead_hours if hours < HOURS_A_DAY * horizon_days)


@dataclass(frozen=True, slots=True)
class LeadTimes:
    """Hours from the first alarm to its failure, and the share of failures with at least so many hours of notice."""

    bar_hours: int
    count: Index  # caught failures by lead time, one for each bar
    at_least: Mapping[int, Estimate]  # by hours of notice


def lead_times(context: EvaluationContext, lead_hours: Array) -> LeadTimes:
    """Summarise the lead times of the window's failures; NaN where one was missed."""
    horizon = HOURS_A_DAY * context.cases.horizon_days
    width = next((hours for hours in BAR_HOURS if horizon / hours <= MOST_BARS), horizon)
    bars = -(-horizon // width)
    caught = lead_hours[np.isfinite(lead_hours)]
    bar = np.minimum(caught // width, bars - 1).astype(np.int64)
    weights = failure_weights(context)
    notices = notice_within(NOTICE_HOURS, context.cases.horizon_days)
    return LeadTimes(
        width,
        np.bincount(bar, minlength=bars),
        {hours: caught_share(lead_hours >= hours, weights) for hours in notices},
    )
