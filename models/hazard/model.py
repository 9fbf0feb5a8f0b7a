"""A discrete-time hazard model: one LightGBM for all horizons and a line beside it, on top of the fleet's recent rate.

The horizons cut the future into intervals. The hazard of an interval is the probability of failing in it
given survival to its start; the probability of failing by a horizon is one minus the product of the
survivals (Tutz and Schmid 2016), so it can't fall from one horizon to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.hazard.tree_tables import forests

if TYPE_CHECKING:
    from features.training.person_periods import Periods
    from models.hazard.rank_logistic import RankLogistic
    from models.setup import Params

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
TINY = 1e-9
POOLED = "failures__relative_rate__ever"  # what a model without trees goes by


@dataclass(frozen=True, slots=True)
class Covariates:
    """What a model sees of some rows: features, and the fleet's failures a node-day as known at each cutoff."""

    features: Matrix
    fleet_rate: Floats

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Covariates:
        """Keep some rows."""
        return Covariates(self.features[chosen], self.fleet_rate[chosen])


@dataclass(frozen=True, slots=True)
class Calibration:
    """Two numbers an interval: calibrated log-odds = offset + base + scale x (log-odds - base).

    `base` is the log-odds of the fleet's own rate, so that `scale` stretches what sets a node apart.
    """

    offset: Floats
    scale: Floats

    @classmethod
    def none(cls, intervals: int) -> Calibration:
        """Change nothing."""
        return cls(np.zeros(intervals), np.ones(intervals))


@dataclass(frozen=True, slots=True)
class HazardModel:
    """Boosters of several seeds, averaged, a line beside them, and their calibration."""

    feature_names: tuple[str, ...]
    horizons_days: tuple[float, ...]
    boosters: tuple[lgb.Booster, ...]
    calibration: Calibration
    line: RankLogistic | None = None
    trees_share: float = 1.0  # of the trees in the score; the rest is the line's

    @property
    def widths_days(self) -> Floats:
        """Length of each interval."""
        return np.diff(np.array([0.0, *self.horizons_days]))

    def base(self, fleet_rate: Floats) -> Floats:
        """Give each interval's log-odds if every node failed at the fleet's rate: rows x intervals."""
        return base_log_odds(fleet_rate[:, None], self.widths_days)

    def scores(self, covariates: Covariates) -> Floats:
        """Give what the trees and the line add to the base: uncalibrated, rows x intervals."""
        told = self.scores_of_trees(covariates)
        return told if self.line is None else blend(told, self.line.scores(covariates.features), self.trees_share)

    def scores_of_trees(self, covariates: Covariates) -> Floats:
        """Give what the trees alone add to the base: rows x intervals."""
        intervals = range(len(self.horizons_days))
        if not self.boosters:
            return np.repeat(self._pooled(covariates)[:, None], len(intervals), axis=1)
        known = forests(self.boosters)
        if known is not None:
            return np.asarray(np.stack([one.scores(covariates.features, intervals) for one in known]).mean(axis=0))
        return np.column_stack([self._score(_with_interval(covariates.features, at)) for at in intervals])

    def _pooled(self, covariates: Covariates) -> Floats:
        return np.log(covariates.features[:, self.feature_names.index(POOLED)]).astype(np.float64)

    def _score(self, matrix: Matrix) -> Floats:
        told: list[Floats] = [np.asarray(booster.predict(matrix, raw_score=True)) for booster in self.boosters]
        return np.asarray(np.stack(told).mean(axis=0))

    def hazards(self, covariates: Covariates) -> Floats:
        """Give the calibrated hazard of each interval: rows x intervals."""
        return calibrated(self.base(covariates.fleet_rate), self.scores(covariates), self.calibration)

    def probabilities(self, covariates: Covariates) -> Floats:
        """Give the probability of failing by each horizon: rows x horizons, rising along each row."""
        return cumulative(self.hazards(covariates))

    def contributions(self, covariates: Covariates) -> Floats:
        """Give what each feature adds to the calibrated log-odds of a hazard: rows x features.

        These are the trees' SHAP values and the line's own terms, blended as the scores are, stretched as calibration
        stretches the score, and averaged over seeds and intervals.
        The log-odds, so averaged, are these, what the interval itself adds, and the same number for every row.
        """
        added, scale = np.zeros(covariates.features.shape, order="F"), self.calibration.scale
        if not self.boosters:
            added[:, self.feature_names.index(POOLED)] = scale.mean() * self._pooled(covariates)
        elif (known := forests(self.boosters)) is not None:
            for one in known:
                one.add(added, covariates.features, dict(enumerate(scale / (len(scale) * len(known)))))
        elif len(added):  # LightGBM divides by the number of rows
            added += self._shap(covariates.features)
        if self.line is None:
            return added
        return blend(
            added, self.calibration.scale.mean() * self.line.contributions(covariates.features), self.trees_share
        )

    def _shap(self, features: Matrix) -> Floats:
        told: list[Floats] = [
            scale * np.asarray(booster.predict(_with_interval(features, at), pred_contrib=True))[:, :-2]
            for booster in self.boosters
            for at, scale in enumerate(self.calibration.scale)
        ]
        return np.asarray(np.stack(told).mean(axis=0))  # without the last two: the interval's, and the bias

    def calibrate(self, calibration: Calibration) -> HazardModel:
        """Use another calibration."""
        return replace(self, calibration=calibration)


def pooled(names: tuple[str, ...], horizons_days: tuple[float, ...]) -> HazardModel:
    """Give the model for too few failures: the fleet's rate times how often the node failed beside the fleet.

    The node's rate is shrunk towards the fleet's (gamma-Poisson empirical Bayes); there are no trees.
    """
    return HazardModel(names, horizons_days, (), Calibration.none(len(horizons_days)))


def base_log_odds(rate: Floats, width_days: Floats) -> Floats:
    """Turn failures a node-day into the log-odds of failing within an interval."""
    chance = np.clip(-np.expm1(-rate * width_days), TINY, 1 - TINY)
    return np.asarray(np.log(chance) - np.log1p(-chance))


def blend(trees: Floats, line: Floats, trees_share: float) -> Floats:
    """Average what trees and a line say in log-odds."""
    return trees_share * trees + (1 - trees_share) * line


def calibrated(base: Floats, scores: Floats, calibration: Calibration) -> Floats:
    """Turn scores above the base into hazards."""
    return np.asarray(expit(base + calibration.offset + calibration.scale * scores))


def cumulative(hazards: Floats) -> Floats:
    """Turn hazards of the intervals into probabilities by their ends."""
    return np.asarray(-np.expm1(np.cumsum(_log_survival(hazards), axis=1)))


def by_time(hazards: Floats, horizons_days: tuple[float, ...], after_days: float) -> Floats:
    """Give the probability of failing within any time up to the last horizon; constant hazard inside an interval.

    Returns:
        One probability a row; NaN beyond the last horizon.
    """
    if not 0 <= after_days <= horizons_days[-1]:
        return np.full(len(hazards), np.nan)
    starts = np.array([0.0, *horizons_days[:-1]])
    share = np.clip((after_days - starts) / (np.array(horizons_days) - starts), 0, 1)
    return np.asarray(-np.expm1(_log_survival(hazards) @ share))


def _log_survival(hazards: Floats) -> Floats:
    return np.asarray(np.log1p(-np.minimum(hazards, 1 - TINY)))


def fit(
    covariates: Covariates, periods: Periods, weight: Floats, names: tuple[str, ...], params: Params
) -> HazardModel:
    """Fit the boosters of every seed to the person-period rows; uncalibrated."""
    return Binned.of(covariates, periods, names, params.bins).fit(weight, params)


@dataclass(frozen=True, slots=True)
class Binned:
    """Person-period rows whose features are binned, once for any number of fits."""

    data: lgb.Dataset
    known: NDArray[np.bool_]
    exposure: Floats
    feature_names: tuple[str, ...]
    horizons_days: tuple[float, ...]

    @classmethod
    def of(cls, covariates: Covariates, periods: Periods, names: tuple[str, ...], bins: int) -> Binned:
        """Bin the features of every interval that is known."""
        known = ~np.isnan(periods.outcome)
        widths = np.diff(np.array([0.0, *periods.horizons_days]))
        base = base_log_odds(covariates.fleet_rate[:, None], widths)
        data = lgb.Dataset(
            _stacked(covariates.features, known),
            label=_by_interval(periods.outcome, known),
            init_score=_by_interval(base, known),
            params={
                "max_bin": bins,
                "bin_construct_sample_cnt": 50_000,
                "feature_pre_filter": False,
                "verbose": -1,
            },
            feature_name=[*(f"f{at}" for at in range(len(names))), "interval"],
        ).construct()
        return cls(data, known, periods.exposure, names, periods.horizons_days)

    def fit(self, weight: Floats, params: Params) -> HazardModel:
        """Fit the boosters of every seed to rows of these weights; uncalibrated."""
        self.data.set_weight(_by_interval(weight[:, None] * self.exposure, self.known))
        boosters = tuple(lgb.train(_options(params, seed), self.data, params.trees) for seed in range(params.seeds))
        return HazardModel(self.feature_names, self.horizons_days, boosters, Calibration.none(len(self.horizons_days)))


def _options(params: Params, seed: int) -> dict[str, Any]:
    return {
        "objective": "binary",
        "boost_from_average": False,  # the base is in the init score
        "num_leaves": params.leaves,
        "learning_rate": params.learning_rate,
        "min_data_in_leaf": params.min_child,
        "feature_fraction": params.feature_share,
        "bagging_fraction": params.row_share,
        "bagging_freq": 1,
        "lambda_l2": params.l2,
        "seed": params.random_seed + seed,
        "deterministic": True,
        "force_col_wise": True,  # twice as fast where a tree sees a fifth of the features
        "verbose": -1,
    }


def _with_interval(features: Matrix, at: int) -> Matrix:
    return np.column_stack([features, np.full(len(features), at, dtype=np.float32)])


def _stacked(features: Matrix, known: NDArray[np.bool_]) -> Matrix:
    """Lay the rows of every interval below those of the one before, the interval's number in the last column."""
    ends = np.cumsum(known.sum(axis=0))
    out = np.empty((int(ends[-1]), features.shape[1] + 1), dtype=np.float32)
    for at, (begin, end) in enumerate(pairwise([0, *ends.tolist()])):
        out[begin:end, :-1] = features[known[:, at]]
        out[begin:end, -1] = at
    return out


def _by_interval(values: Floats, known: NDArray[np.bool_]) -> Floats:
    return np.concatenate([values[known[:, at], at] for at in range(known.shape[1])])
