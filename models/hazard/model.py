"""A discrete-time hazard model: one LightGBM for all horizons and a linear model, on top of the fleet's own rate.

The horizons cut the future into intervals. The hazard of an interval is the probability of failing in it
given survival to its start; the probability of failing by a horizon is one minus the product of the
survivals (Tutz and Schmid 2016), so it can't fall from one horizon to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from data.time_grid import in_days
from models.hazard.tree_tables import read_forests

if TYPE_CHECKING:
    from datetime import timedelta

    import lightgbm as lgb

    from features.events.base_rates import FleetRate
    from models.hazard.rank_logistic import RankLogistic

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
SMALLEST = 1e-9  # distance of a probability from 0 and 1
POOLED_FEATURE = "failures__relative_rate__ever"  # the only feature that a model without trees uses


@dataclass(frozen=True, slots=True)
class Covariates:
    """What a model knows of some rows: features, and the fleet's failures a node-day as known at each cutoff."""

    features: Matrix
    fleet_rate: FleetRate

    def take(self, selection: NDArray[np.int64] | NDArray[np.bool_]) -> Covariates:
        """Keep some rows."""
        return Covariates(self.features[selection], self.fleet_rate.take(selection))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Two numbers per interval: calibrated log-odds = offset + base + scale x (log-odds - base).

    `base` is the log-odds of the fleet's own rate, so that `scale` stretches what sets a node apart.
    """

    offset: Floats
    scale: Floats

    @classmethod
    def none(cls, intervals: int) -> Calibration:
        """Return the calibration that changes nothing."""
        return cls(np.zeros(intervals), np.ones(intervals))


@dataclass(frozen=True, slots=True)
class HazardModel:
    """Boosters of several seeds, which are averaged, the linear model that is blended with them, and a calibration."""

    feature_names: tuple[str, ...]
    horizons: tuple[timedelta, ...]
    boosters: tuple[lgb.Booster, ...]
    calibration: Calibration
    linear: RankLogistic | None = None
    trees_share: float = 1.0  # weight of the trees in the score; the rest is the linear model's
    base_strength: float = 1.0  # weight of the fleet's recent rate in the base; the rest is its long-run rate's

    @property
    def widths_days(self) -> Floats:
        """The length of each interval in days."""
        return interval_widths(self.horizons)

    def base(self, fleet_rate: FleetRate) -> Floats:
        """Compute each interval's log-odds if every node failed at the fleet's rate: rows x intervals."""
        return base_log_odds(fleet_rate.at_strength(self.base_strength)[:, None], self.widths_days)

    def scores(self, covariates: Covariates) -> Floats:
        """Compute what trees and linear model add to the base: uncalibrated, rows x intervals."""
        trees = self.tree_scores(covariates)
        return trees if self.linear is None else blend(trees, self.linear.scores(covariates.features), self.trees_share)

    def tree_scores(self, covariates: Covariates) -> Floats:
        """Compute what the trees alone add to the base: rows x intervals."""
        features, intervals = covariates.features, range(len(self.horizons))
        if not self.boosters:
            return np.repeat(self._pooled_score(features)[:, None], len(intervals), axis=1)
        forests = read_forests(self.boosters)
        if forests is not None:
            return np.asarray(np.stack([forest.scores(features, intervals) for forest in forests]).mean(axis=0))
        return np.column_stack([self._booster_score(_with_interval(features, interval)) for interval in intervals])

    def _pooled_score(self, features: Matrix) -> Floats:
        return np.log(features[:, self.feature_names.index(POOLED_FEATURE)]).astype(np.float64)

    def _booster_score(self, matrix: Matrix) -> Floats:
        scores: list[Floats] = [np.asarray(booster.predict(matrix, raw_score=True)) for booster in self.boosters]
        return np.asarray(np.stack(scores).mean(axis=0))

    def hazards(self, covariates: Covariates) -> Floats:
        """Compute the calibrated hazard of each interval: rows x intervals."""
        return calibrated_hazards(self.base(covariates.fleet_rate), self.scores(covariates), self.calibration)

    def probabilities(self, covariates: Covariates) -> Floats:
        """Compute the probability of failing by each horizon: rows x horizons, rising along each row."""
        return cumulative_probabilities(self.hazards(covariates))

    def contributions(self, covariates: Covariates) -> Floats:
        """Compute what each feature adds to the calibrated log-odds of a hazard: rows x features.

        These are the trees' SHAP values and the linear model's terms, blended as the scores are, stretched as
        calibration stretches the score, and averaged over seeds and intervals. Their sum is the log-odds, so
        averaged, less what the interval itself adds and less a number that is the same for every row.
        """
        features, scale = covariates.features, self.calibration.scale
        trees = np.zeros(features.shape, order="F")
        if not self.boosters:
            trees[:, self.feature_names.index(POOLED_FEATURE)] = scale.mean() * self._pooled_score(features)
        elif (forests := read_forests(self.boosters)) is not None:
            for forest in forests:
                forest.add_contributions(trees, features, dict(enumerate(scale / (len(scale) * len(forests)))))
        elif len(trees):  # LightGBM divides by the number of rows
            trees += self._shap(features)
        if self.linear is None:
            return trees
        return blend(trees, scale.mean() * self.linear.contributions(features), self.trees_share)

    def _shap(self, features: Matrix) -> Floats:
        values: list[Floats] = [
            scale * np.asarray(booster.predict(_with_interval(features, interval), pred_contrib=True))[:, :-2]
            for booster in self.boosters
            for interval, scale in enumerate(self.calibration.scale)
        ]
        return np.asarray(np.stack(values).mean(axis=0))  # without the last two columns: interval and bias

    def with_calibration(self, calibration: Calibration) -> HazardModel:
        """Replace the calibration."""
        return replace(self, calibration=calibration)


def pooled_model(feature_names: tuple[str, ...], horizons: tuple[timedelta, ...], base_strength: float) -> HazardModel:
    """Build the model for too few failures: the fleet's rate times the node's relative rate of failure, no trees.

    The node's rate is shrunk towards the fleet's (gamma-Poisson empirical Bayes).
    """
    return HazardModel(feature_names, horizons, (), Calibration.none(len(horizons)), base_strength=base_strength)


def interval_widths(horizons: tuple[timedelta, ...]) -> Floats:
    """Compute the length of each interval in days."""
    return np.diff(np.array([0.0, *map(in_days, horizons)]))


def base_log_odds(rate: Floats, width_days: Floats) -> Floats:
    """Turn failures a node-day into the log-odds of failing within an interval."""
    probability = np.clip(-np.expm1(-rate * width_days), SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(probability) - np.log1p(-probability))


def blend(trees: Floats, linear: Floats, trees_share: float) -> Floats:
    """Average the trees and the linear model in log-odds."""
    return trees_share * trees + (1 - trees_share) * linear


def calibrated_hazards(base: Floats, scores: Floats, calibration: Calibration) -> Floats:
    """Turn scores above the base into hazards."""
    return np.asarray(expit(base + calibration.offset + calibration.scale * scores))


def cumulative_probabilities(hazards: Floats) -> Floats:
    """Turn hazards of the intervals into probabilities of failing by their ends."""
    return np.asarray(-np.expm1(np.cumsum(_log_survival(hazards), axis=1)))


def _log_survival(hazards: Floats) -> Floats:
    return np.asarray(np.log1p(-np.minimum(hazards, 1 - SMALLEST)))


def _with_interval(features: Matrix, interval: int) -> Matrix:
    return np.column_stack([features, np.full(len(features), interval, dtype=np.float32)])
