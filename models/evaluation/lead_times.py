"""How long before a failure the first alarm came: warning that comes too late to act on is no warning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation.budget_curve import caught_share, failure_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from models.evaluation.context import EvaluationContext
    from models.metrics.estimate import Estimate

HOURS_A_DAY: Final = 24
NOTICE_HOURS: Final = (1, 6, 24, 72, 168)
BAR_HOURS: Final = (1, 2, 3, 6, 12, 24, 48, 72, 168)
MOST_BARS: Final = 16


def ahead(hours: int) -> str:
    """Name the measure that counts a failure as caught only with so many hours of notice."""
    return f"caught_share_{hours}h"


def within(lead_hours: Sequence[int], horizon_days: float) -> tuple[int, ...]:
    """Keep the notices that alarms of this horizon can give: a horizon of a day warns of nothing a day ahead."""
    return tuple(hours for hours in lead_hours if hours < HOURS_A_DAY * horizon_days)


@dataclass(frozen=True, slots=True)
class Leads:
    """Hours from the first alarm to the failure it warned of, and the share of failures with so much notice."""

    bar_hours: int
    count: NDArray[np.int64]  # caught failures by lead, a bar each
    at_least: Mapping[int, Estimate]  # by hours of notice


def leads(bench: EvaluationContext, lead_hours: NDArray[np.float64]) -> Leads:
    """Sum up the leads of the window's failures; NaN where one was missed."""
    horizon = HOURS_A_DAY * bench.cases.horizon_days
    width = next((hours for hours in BAR_HOURS if horizon / hours <= MOST_BARS), horizon)
    bars = -(-horizon // width)
    caught = lead_hours[np.isfinite(lead_hours)]
    number = np.minimum(caught // width, bars - 1).astype(np.int64)
    weights = failure_weights(bench)
    return Leads(
        width,
        np.bincount(number, minlength=bars),
        {hours: caught_share(lead_hours >= hours, weights) for hours in within(NOTICE_HOURS, bench.cases.horizon_days)},
    )
