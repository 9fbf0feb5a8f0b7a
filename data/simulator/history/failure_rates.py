"""How often simulated nodes fail and how failures cluster, derived from real records (docs/simulator.md)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history.failure_modes import Lognormal
from data.simulator.history.plan import DAY_HOURS

if TYPE_CHECKING:
    from datetime import datetime

    from data.simulator.history.arrays import Floats

FAILURES_PER_NODE_YEAR: Final = 1.05  # LANL's systems 18 to 20: 5,329 failures in 5,087 node-years
FRAILTY_SHAPE: Final = 0.55  # of a gamma with mean 1, over nodes; LANL's counts, relapses included: 0.13 to 0.53
RELAPSE_SHARE: Final = 0.24  # LANL's systems 18 to 20: 23% of failures within 7 days of the node's last
RELAPSE_LAG: Final = Lognormal(36.0, 1.6)  # hours; LANL's systems 18 to 20: half of those 23% within a day
SAME_CAUSE_SHARE: Final = 0.6
RACK_FAILURES_PER_YEAR: Final = 0.1  # LANL has 0.6% (systems 18 to 20) to 2% of failures as facilities; see docs
MAINTENANCE_WAVES_PER_YEAR: Final = 8.0
BLIND_PERIODS_PER_YEAR: Final = 7.0
RACK_SILENCES_PER_YEAR: Final = 0.6
# Of the logarithm of a week's failure rate: LANL's gaps between failures have a Weibull shape of 0.84 (M100: 0.47);
# a constant rate has 1.
WEEKLY_RATE_SIGMA: Final = 0.5
MAX_WEEKLY_RATE: Final = 3.0

# LANL's systems 18 to 20 by hour of day and weekday: noon has 1.5 times the failures of 5 in the morning, weekdays
# 1.3 times those of a weekend's day.
DAY_SWING: Final = 0.18
WEEKEND: Final = 0.78
NOON: Final = 12.0
SATURDAY: Final = 5


def site_activity(start: datetime, hours: Floats | float) -> Floats:
    """Return how busy a site is at some hours since `start`, by hour and weekday; the mean over a week is about 1."""
    clock = np.asarray(hours, dtype=np.float64) + start.hour + start.minute / 60.0
    weekday = (start.weekday() + np.floor(clock / DAY_HOURS)) % 7
    day = 1.0 + DAY_SWING * np.cos((clock % DAY_HOURS - NOON) * 2 * math.pi / DAY_HOURS)
    return np.asarray(day * np.where(weekday >= SATURDAY, WEEKEND, 1.0) / ((5 + 2 * WEEKEND) / 7))


PEAK_ACTIVITY: Final = (1.0 + DAY_SWING) / ((5 + 2 * WEEKEND) / 7)
