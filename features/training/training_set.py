"""The training set of a hazard model: sampled person-period rows, labelled by what is known at the split."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from data.outages import repeat_within
from features.compute import batch
from features.events.base_rates import FleetRate
from features.population.at_risk import AtRisk, assess
from features.training.cutoff_sample import draw_cutoffs
from features.training.labels import Outcomes
from features.training.person_periods import Periods

if TYPE_CHECKING:
    from datetime import timedelta

    from numpy.typing import NDArray

    from data.view import View
    from features.feature import Catalogue
    from features.grid import Array
    from features.population.at_risk import Coverage, Rows


@dataclass(frozen=True, slots=True)
class Design:
    """What is forecast: the horizons, how often, and for which nodes."""

    horizons: tuple[timedelta, ...]
    every: timedelta
    coverage: Coverage | None
    negatives_per_positive: float
    repeat: timedelta | None = None  # None: what the protocol sets for each horizon

    @property
    def repeats(self) -> tuple[timedelta, ...]:
        """How soon after another one's end a failure belongs to it, for each horizon."""
        return tuple(map(self.repeat_within, self.horizons))

    def repeat_within(self, horizon: timedelta) -> timedelta:
        """Return how soon after another one's end a failure belongs to it, for forecasts over a horizon."""
        return repeat_within(horizon) if self.repeat is None else self.repeat


@dataclass(frozen=True, slots=True)
class RiskSample:
    """Which nodes are at risk at the cutoffs that were drawn, and the weight of each cutoff."""

    risk: AtRisk
    weight: Array

    @classmethod
    def draw(cls, view: View, start: np.datetime64, design: Design, rng: np.random.Generator) -> RiskSample:
        """Draw cutoffs from `start` to the view's time, and find the nodes at risk at each."""
        drawn = draw_cutoffs(view, start, design.every, design.horizons, rng)
        return cls(assess(view, drawn.cutoffs, design.coverage), drawn.weight)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Sampled rows with their features and outcomes, all from one view."""

    rows: Rows
    catalogue: Catalogue
    features: NDArray[np.float32]
    fleet_rate: FleetRate
    periods: Periods
    weight: NDArray[np.float64]
    cutoff_weight: NDArray[np.float64]  # of each cutoff that was drawn, whether or not it has a row

    def only(self, catalogue: Catalogue) -> TrainingSet:
        """Keep the features of a smaller catalogue."""
        columns = self.catalogue.columns
        features = self.features[:, [columns[name] for name in catalogue.names]]
        return replace(self, catalogue=catalogue, features=features)


def build(
    view: View, sample: RiskSample, catalogue: Catalogue, design: Design, rng: np.random.Generator
) -> TrainingSet:
    """Draw a training set from what a view knows, at cutoffs that were drawn before."""
    risk = sample.risk
    rows = risk.rows()
    periods = Periods.of(rows, Outcomes.of(view, risk.names), design.horizons, design.repeats)
    drawn = draw_rows(periods, design.negatives_per_positive, rng)
    drawn_rows = rows.take(drawn.positions)
    rate = FleetRate.of(view, risk, design.every, design.repeats[0])
    return TrainingSet(
        drawn_rows,
        catalogue,
        batch.compute(catalogue, view, risk, drawn_rows),
        rate.take(drawn_rows.cutoff),
        periods.take(drawn.positions),
        drawn.weight * sample.weight[drawn_rows.cutoff],
        sample.weight,
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows that were drawn for training, each with the inverse of its chance to be drawn."""

    positions: NDArray[np.int64]
    weight: NDArray[np.float64]


def draw_rows(periods: Periods, negatives_per_positive: float, rng: np.random.Generator) -> Sample:
    """Keep every row that fails and a share of the others.

    Horvitz and Thompson (1952): a row that was kept with chance q weighs 1 / q.
    """
    fails, is_known = periods.fails, periods.is_known
    failing, others = int(np.count_nonzero(fails)), int(np.count_nonzero(is_known & ~fails))
    share = min(1.0, negatives_per_positive * max(failing, 1) / max(others, 1))
    positions = np.flatnonzero(is_known & (fails | (rng.random(len(fails)) < share)))
    return Sample(positions, np.where(fails[positions], 1.0, 1.0 / share))
