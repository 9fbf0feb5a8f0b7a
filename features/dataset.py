"""The training set of a hazard model: person-period rows, sampled, labelled by what the split knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from features.labels import Fates, Outcomes, observe
from features.risk import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = np.timedelta64(86_400_000_000, "us")


def days(length: float) -> np.timedelta64:
    """Turn days into timedelta64[us]."""
    return np.timedelta64(round(length * 86_400_000_000), "us")


@dataclass(frozen=True, slots=True)
class Periods:
    """What happened to each row in each interval, rows x intervals.

    `outcome`: 1 failed, 0 survived as far as it was seen, NaN not at risk. `exposure`: the share of the
    interval in which a failure would have been seen.
    """

    horizons_days: tuple[float, ...]  # the intervals' ends; the first one begins at the cutoff
    outcome: NDArray[np.float64]
    exposure: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Rows, outcomes: Outcomes, horizons_days: Sequence[float]) -> Periods:
        """Observe every interval of every row."""
        fates, starts = Fates.of(rows, outcomes), (0.0, *horizons_days[:-1])
        told = [
            observe(fates, outcomes, days(start), days(end))
            for start, end in zip(starts, horizons_days, strict=True)
        ]
        outcome, exposure = (np.column_stack(parts) for parts in zip(*told, strict=True))
        return cls(tuple(horizons_days), outcome, exposure)

    @property
    def fails(self) -> NDArray[np.bool_]:
        """Tell which rows fail within the longest horizon."""
        return np.any(self.outcome == 1, axis=1)

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Tell which rows have an outcome in at least one interval."""
        return np.any(~np.isnan(self.outcome), axis=1)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Periods:
        """Keep some rows."""
        return Periods(self.horizons_days, self.outcome[chosen], self.exposure[chosen])


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows that were drawn for training, each with the inverse of its chance to be drawn."""

    chosen: NDArray[np.int64]
    weight: NDArray[np.float64]


def sample(periods: Periods, negatives_per_positive: float, rng: np.random.Generator) -> Sample:
    """Keep every row that fails and a share of the others.

    Horvitz and Thompson (1952): a row that was kept with chance q weighs 1 / q.
    """
    fails, known = periods.fails, periods.is_known
    others = np.count_nonzero(known & ~fails)
    share = min(1.0, negatives_per_positive * max(np.count_nonzero(fails), 1) / max(others, 1))
    kept = known & (fails | (rng.random(len(fails)) < share))
    chosen = np.flatnonzero(kept)
    return Sample(chosen, np.where(fails[chosen], 1.0, 1.0 / share))
