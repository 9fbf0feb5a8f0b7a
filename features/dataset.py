"""The training set of a hazard model: person-period rows, sampled, labelled by what the split knows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from features import batch
from features.grid import Times, to_numpy
from features.history import steady_rate
from features.labels import Fates, Outcomes, observe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from data.view import View
    from features.catalogue import Catalogue
    from features.risk import Coverage, Risk, Rows

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
            observe(fates, outcomes, days(start), days(end)) for start, end in zip(starts, horizons_days, strict=True)
        ]
        outcome, exposure = (np.column_stack(parts) for parts in zip(*told, strict=True))
        return cls(tuple(horizons_days), outcome, exposure)

    @property
    def fails(self) -> NDArray[np.bool_]:
        """Tell which rows fail within the longest horizon."""
        return np.asarray(np.any(self.outcome == 1, axis=1))

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Tell which rows have an outcome in at least one interval."""
        return np.asarray(np.any(~np.isnan(self.outcome), axis=1))

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Periods:
        """Keep some rows."""
        return Periods(self.horizons_days, self.outcome[chosen], self.exposure[chosen])


@dataclass(frozen=True, slots=True)
class Design:
    """What a forecast is about: its horizons, how often it is made, and for which nodes."""

    horizons_days: tuple[float, ...]
    every_days: float
    coverage: Coverage | None
    negatives_per_positive: float


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Sampled rows with their features and outcomes, all from one view."""

    rows: Rows
    catalogue: Catalogue
    features: NDArray[np.float32]
    fleet_rate: NDArray[np.float64]
    periods: Periods
    weight: NDArray[np.float64]

    def only(self, catalogue: Catalogue) -> TrainingSet:
        """Keep the features of a smaller catalogue."""
        column = {name: at for at, name in enumerate(self.catalogue.names)}
        features = self.features[:, [column[name] for name in catalogue.names]]
        return replace(self, catalogue=catalogue, features=features)


def cutoffs_until(view: View, start: np.datetime64, every_days: float) -> Times:
    """List the cutoffs of a view: every so many days back from its time, down to `start`."""
    last, step = to_numpy(view.at), days(every_days)
    count = max(int((last - start) // step), 0) + 1
    return np.asarray(last - step * np.arange(count)[::-1])


def build(view: View, risk: Risk, catalogue: Catalogue, design: Design, rng: np.random.Generator) -> TrainingSet:
    """Draw a training set from what a view knows."""
    rows = risk.rows()
    periods = Periods.of(rows, Outcomes.of(view, risk.names), design.horizons_days)
    drawn = sample(periods, design.negatives_per_positive, rng)
    chosen = rows.take(drawn.chosen)
    rate = steady_rate(view, risk, design.every_days)
    return TrainingSet(
        chosen,
        catalogue,
        batch.compute(catalogue, view, risk, chosen),
        rate[chosen.cutoff],
        periods.take(drawn.chosen),
        drawn.weight,
    )


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
    failing, others = int(np.count_nonzero(fails)), int(np.count_nonzero(known & ~fails))
    share = min(1.0, negatives_per_positive * max(failing, 1) / max(others, 1))
    kept = known & (fails | (rng.random(len(fails)) < share))
    chosen = np.flatnonzero(kept)
    return Sample(chosen, np.where(fails[chosen], 1.0, 1.0 / share))
