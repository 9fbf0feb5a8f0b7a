"""Person-periods: what happened to each row in each interval between horizons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.grid import days
from features.training.labels import NextEvents, Outcomes, observe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from features.population.at_risk import Rows


@dataclass(frozen=True, slots=True)
class Periods:
    """What happened to each row in each interval, rows x intervals.

    `outcome`: 1 failed, 0 survived as far as it was observed, NaN not at risk. `exposure`: the share of the
    interval in which a failure would have been observed.
    """

    horizons_days: tuple[float, ...]  # the intervals' ends; the first one begins at the cutoff
    outcome: NDArray[np.float64]
    exposure: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Rows, outcomes: Outcomes, horizons_days: Sequence[float]) -> Periods:
        """Observe every interval of every row."""
        next_events, starts = NextEvents.of(rows, outcomes), (0.0, *horizons_days[:-1])
        observed = [
            observe(next_events, outcomes, days(start), days(end))
            for start, end in zip(starts, horizons_days, strict=True)
        ]
        outcome, exposure = (np.column_stack(columns) for columns in zip(*observed, strict=True))
        return cls(tuple(horizons_days), outcome, exposure)

    @property
    def fails(self) -> NDArray[np.bool_]:
        """Which rows fail within the longest horizon."""
        return np.asarray(np.any(self.outcome == 1, axis=1))

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Which rows have an outcome in at least one interval."""
        return np.asarray(np.any(~np.isnan(self.outcome), axis=1))

    def take(self, selection: NDArray[np.bool_] | NDArray[np.int64]) -> Periods:
        """Keep some rows."""
        return Periods(self.horizons_days, self.outcome[selection], self.exposure[selection])
