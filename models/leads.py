"""How long before a failure the first alarm came: warning that comes too late to act on is no warning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.tradeoff import caught_share, failure_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from models.bench import Bench
    from models.figures import Figure

HOURS_A_DAY: Final = 24
NOTICE_HOURS: Final = (1, 6, 24, 72, 168)
BAR_HOURS: Final = (1, 2, 3, 6, 12, 24, 48, 72, 168)
MOST_BARS: Final = 16


@dataclass(frozen=True, slots=True)
class Leads:
    """Hours from the first alarm to the failure it warned of, and the share of failures with so much notice."""

    bar_hours: int
    count: NDArray[np.int64]  # caught failures by lead, a bar each
    at_least: Mapping[int, Figure]  # by hours of notice


def leads(bench: Bench, lead_hours: NDArray[np.float64]) -> Leads:
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
        {hours: caught_share(lead_hours >= hours, weights) for hours in NOTICE_HOURS if hours < horizon},
    )
