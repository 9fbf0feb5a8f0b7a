"""Person-periods: what happened to each row in each interval between horizons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from data.outages import repeat_within
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

    horizons: tuple[timedelta, ...]  # the intervals' ends; the first one begins at the cutoff
    repeats: tuple[timedelta, ...]  # how soon after another one's end a failure belongs to it, for each horizon
    outcome: NDArray[np.float64]
    exposure: NDArray[np.float64]

    @classmethod
    def of(
        cls, rows: Rows, outcomes: Outcomes, horizons: Sequence[timedelta], repeats: Sequence[timedelta] = ()
    ) -> Periods:
        """Observe every interval of every row; one that is on probation at an interval's end is not at risk in it.

        `repeats`: for each horizon; by default what the protocol sets for it.
        """
        next_events, starts = NextEvents.of(rows, outcomes), (timedelta(0), *horizons[:-1])
        repeats = tuple(repeats) or tuple(map(repeat_within, horizons))
        outcome, exposure = (np.empty((len(rows), len(horizons))) for _ in range(2))
        for interval, (start, end, repeat) in enumerate(zip(starts, horizons, repeats, strict=True)):
            outcome[:, interval], exposure[:, interval] = observe(next_events, outcomes, start, end)
            outcome[outcomes.is_on_probation(rows, repeat), interval] = np.nan
        return cls(tuple(horizons), repeats, outcome, exposure)

    def observe_again(self, rows: Rows, outcomes: Outcomes) -> Periods:
        """Observe the same intervals of some rows by other outcomes."""
        return Periods.of(rows, outcomes, self.horizons, self.repeats)

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
        return replace(self, outcome=self.outcome[selection], exposure=self.exposure[selection])
