"""Made-up nodes whose lifetimes are exponential, so that the probability of failing by any time is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.training.person_periods import Periods
from models.hazard.model import Covariates
from models.setup import Params

Floats = NDArray[np.float64]
HORIZONS = (1.0, 3.0, 7.0)
NAMES = ("warmth", "noise", "failures__relative_rate__ever")
QUICK = Params(trees=60, learning_rate=0.1, min_child=20, feature_share=1.0, l2=1.0, seeds=1)
USUAL_RATE = 0.05  # failures a node-day


@dataclass(frozen=True, slots=True)
class Lives:
    """Rows with what is seen of them, what becomes of them, and their true rate of failure a day."""

    covariates: Covariates
    periods: Periods
    rate: Floats

    def true_probability(self, after_days: float) -> Floats:
        return np.asarray(-np.expm1(-self.rate * after_days))


def lives(rng: np.random.Generator, count: int = 12_000, censored_share: float = 0.0) -> Lives:
    """Draw rows; some are censored at any time of the longest horizon, in the middle of an interval too."""
    features = rng.normal(size=(count, 2))
    rate = USUAL_RATE * np.exp(features[:, 0])
    dies = rng.exponential(1 / rate)
    leaves = np.where(rng.random(count) < censored_share, rng.uniform(0, HORIZONS[-1], count), np.inf)
    relative = np.full(count, 1.5)
    matrix = np.column_stack([features, relative]).astype(np.float32)
    return Lives(Covariates(matrix, np.full(count, USUAL_RATE)), periods_of(dies, leaves), rate)


def periods_of(dies: Floats, leaves: Floats) -> Periods:
    """Cut lifetimes into intervals: who fails in each, and how much of it was seen."""
    outcome, exposure = [], []
    for begin, end in zip((0.0, *HORIZONS[:-1]), HORIZONS, strict=True):
        seen = np.minimum(leaves, end)
        at_risk, fails = (dies > begin) & (seen > begin), (dies > begin) & (dies <= seen)
        outcome.append(np.where(fails, 1.0, np.where(at_risk, 0.0, np.nan)))
        exposure.append(np.where(fails, 1.0, np.where(at_risk, (seen - begin) / (end - begin), 0.0)))
    return Periods(HORIZONS, np.column_stack(outcome), np.column_stack(exposure))
