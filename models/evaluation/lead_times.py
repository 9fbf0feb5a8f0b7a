"""How long before a failure the first alarm came: an alarm that comes too late to act on is of no use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from data.time_grid import in_hours
from models.evaluation.budget_curve import caught_share, failure_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from features.grid import Array, Index
    from models.evaluation.context import EvaluationContext
    from models.metrics.estimate import Estimate

NOTICES: Final = (
    *(timedelta(minutes=minutes) for minutes in (10, 30)),
    *(timedelta(hours=hours) for hours in (1, 6, 24, 72, 168)),
)
NOTICES_A_STEP: Final = 24  # a notice is at least this part of the time between forecasts
BARS: Final = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 10, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12, 24, 48, 72, 168)),
)
MOST_BARS: Final = 16


def caught_share_name(notice: timedelta) -> str:
    """Return the name of the measure that counts a failure as caught only with at least so much notice."""
    return f"caught_share_{in_hours(notice):g}h"


def notice_within(notices: Sequence[timedelta], horizon: timedelta) -> tuple[timedelta, ...]:
    """Keep the notices that are shorter than the horizon: no alarm can give more."""
    return tuple(notice for notice in notices if notice < horizon)


@dataclass(frozen=True, slots=True)
class LeadTimes:
    """The time from the first alarm to its failure, and the share of failures with at least so much notice."""

    bar: timedelta
    count: Index  # caught failures by lead time, one for each bar
    at_least: Mapping[timedelta, Estimate]  # by notice


def lead_times(context: EvaluationContext, lead_hours: Array) -> LeadTimes:
    """Summarise the lead times of the window's failures; NaN where one was missed."""
    horizon = context.cases.horizon
    width = next((bar for bar in BARS if horizon / bar <= MOST_BARS), horizon)
    bars = -(-horizon // width)
    caught = lead_hours[np.isfinite(lead_hours)]
    bar = np.minimum(caught // in_hours(width), bars - 1).astype(np.int64)
    weights = failure_weights(context)
    notices = [notice for notice in NOTICES if notice * NOTICES_A_STEP >= context.cases.every]
    return LeadTimes(
        width,
        np.bincount(bar, minlength=bars),
        {notice: caught_share(lead_hours >= in_hours(notice), weights) for notice in notice_within(notices, horizon)},
    )
