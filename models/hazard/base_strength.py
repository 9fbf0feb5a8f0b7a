"""How far the base of a forecast follows the fleet's recent rate of failure, learned from what followed it.

In some fleets the rate drifts, and what failed lately says how much fails next; in others it only scatters around
its long-run level, and a base that follows the scatter is wrong by all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from features.events.base_rates import LAST_MONTH
from features.grid import to_step
from models.hazard.model import interval_widths
from models.hazard.newton import Clipped, newton

if TYPE_CHECKING:
    from datetime import timedelta

    from features.training.person_periods import Periods
    from features.training.training_set import TrainingSet

Floats = NDArray[np.float64]
FEWEST_PERIODS: Final = 8  # whole ones; with fewer, a rate that drifts looks like one that scatters
PRIOR_SD: Final = np.array([0.3, 0.5])  # of the level and of the strength, both around 0
MAX_STEPS: Final = 50
LONGEST_STEP: Final = 1.0
TOLERANCE: Final = 1e-9  # of the largest step


@dataclass(frozen=True, slots=True)
class FollowingFailures:
    """By cutoff: how the fleet's rate had changed by then, and the failures that followed within the longest horizon.

    Failures are counted once for each step of the horizon: every cutoff before one counts it.
    """

    change: Floats  # logarithm of the recent over the long-run rate
    expected: Floats  # failures at the long-run rate
    observed: Floats
    period: NDArray[np.int64]  # 0 for the last; as long as the rate is recent and the longest horizon: independent
    repeats: float  # how often each failure is counted: once for each step of the longest horizon

    @classmethod
    def of(cls, training: TrainingSet, periods: Periods, is_kept: NDArray[np.bool_]) -> FollowingFailures:
        """Add up the kept rows of each cutoff, from when a month of the fleet is known."""
        rows, kept, rate = training.rows.take(is_kept), periods.take(is_kept), training.fleet_rate.take(is_kept)
        position, first, cutoff = np.unique(rows.cutoff, return_index=True, return_inverse=True)
        exposure = np.where(np.isnan(kept.outcome), 0.0, kept.exposure)
        days = np.asarray((exposure * interval_widths(kept.horizons)).sum(axis=1))
        expected = np.bincount(cutoff, training.weight[is_kept] * days * rate.long_run)
        observed = np.bincount(cutoff, training.weight[is_kept] * kept.fails)
        ts, horizon = rows.cutoffs[position], kept.horizons[-1]
        length = to_step(max(LAST_MONTH, horizon))
        is_old = (ts - rows.cutoffs[0] >= to_step(LAST_MONTH)) & (expected > 0)
        return cls(
            np.log(rate.recent / rate.long_run)[first][is_old],
            expected[is_old],
            observed[is_old],
            (ts[-1:] - ts[is_old]) // length,
            _steps_within(horizon, training),
        )

    def mean(self, beta: Floats) -> Floats:
        """Return the failures to expect at each cutoff by a level and a strength."""
        return np.asarray(self.expected * np.exp(beta[0] + beta[1] * self.change))


def _steps_within(horizon: timedelta, training: TrainingSet) -> float:
    """Count the steps between cutoffs in a horizon, those that were not drawn included."""
    cutoffs = training.rows.cutoffs
    steps = training.cutoff_weight.sum() - 1
    return max(float(steps * (to_step(horizon) / (cutoffs[-1] - cutoffs[0]))), 1.0) if len(cutoffs) > 1 else 1.0


def fit(training: TrainingSet, periods: Periods, is_kept: NDArray[np.bool_]) -> float:
    """Return the strength of the recent rate, 0 to 1: the base is long-run^(1 - strength) x recent^strength.

    It is learned from the kept rows of a training set, with the outcomes of all of its rows as known at a time: it is
    the slope of a Poisson regression of the failures that followed each cutoff on the logarithm of recent over
    long-run rate, with a normal prior around 0. Its errors are those of quasi-likelihood (Wedderburn 1974): failures
    scatter as much as they do from one period to another, so overlapping horizons and bursts weigh no more than they
    show. 0 with under eight whole periods.
    """
    failures = FollowingFailures.of(training, periods, is_kept)
    if failures.period.max(initial=0) < FEWEST_PERIODS:
        return 0.0
    first = _regress(failures, failures.repeats)
    strength = _regress(failures, _dispersion(failures, first))[1]
    return float(np.clip(strength, 0.0, 1.0))


def _regress(failures: FollowingFailures, dispersion: float) -> Floats:
    """Return level and strength of the highest penalised quasi-likelihood."""
    design = np.column_stack([np.ones_like(failures.change), failures.change])
    precision = np.diag(1.0 / PRIOR_SD**2)

    def penalised(beta: Floats) -> tuple[Floats, Floats]:
        mean = failures.mean(beta)
        gradient = _weighted_sum(design, failures.observed - mean) / dispersion - precision @ beta
        curvature = np.column_stack([_weighted_sum(design, mean * column) for column in design.T]) / dispersion
        return gradient, curvature + precision

    return newton(penalised, np.zeros(2), Clipped(LONGEST_STEP, TOLERANCE), MAX_STEPS)


def _weighted_sum(design: Floats, weight: Floats) -> Floats:
    """Sum weighted rows without BLAS, whose rounding depends on where its input is in memory."""
    return np.asarray((design * weight[:, None]).sum(axis=0))


def _dispersion(failures: FollowingFailures, beta: Floats) -> float:
    """Return the variance of a period's count over its mean, by Pearson's statistic; at least that of the repeats."""
    mean = failures.mean(beta)
    _, period = np.unique(failures.period, return_inverse=True)
    surplus, expected = np.bincount(period, failures.observed - mean), np.bincount(period, mean)
    return max(float((surplus**2 / expected).sum()) / (len(expected) - len(beta)), failures.repeats)
