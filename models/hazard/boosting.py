"""Fits the boosters of a hazard model to person-period rows: those of every interval at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np

from models.hazard.model import Calibration, Covariates, Floats, HazardModel, Matrix, base_log_odds, interval_widths

if TYPE_CHECKING:
    from datetime import timedelta

    from numpy.typing import NDArray

    from features.training.person_periods import Periods
    from models.setup import Params

BINNED_SAMPLE = 50_000  # rows from which LightGBM chooses the bins


def fit(  # noqa: PLR0913  - what BinnedPeriods takes, and what its fit takes
    covariates: Covariates,
    periods: Periods,
    weight: Floats,
    feature_names: tuple[str, ...],
    params: Params,
    *,
    base_strength: float = 1.0,
) -> HazardModel:
    """Fit the boosters of every seed to the person-period rows, with a weight for each row; uncalibrated."""
    binned = BinnedPeriods.of(covariates, periods, feature_names, params.bins, base_strength)
    return binned.fit(weight[:, None], params)


@dataclass(frozen=True, slots=True)
class BinnedPeriods:
    """Person-period rows whose features are binned, once for any number of fits."""

    data: lgb.Dataset
    is_known: NDArray[np.bool_]
    exposure: Floats
    feature_names: tuple[str, ...]
    horizons: tuple[timedelta, ...]
    base_strength: float

    @classmethod
    def of(
        cls,
        covariates: Covariates,
        periods: Periods,
        feature_names: tuple[str, ...],
        bins: int,
        base_strength: float,
    ) -> BinnedPeriods:
        """Bin the features of every row and interval whose outcome is known."""
        is_known = ~np.isnan(periods.outcome)
        rate = covariates.fleet_rate.at_strength(base_strength)
        base = base_log_odds(rate[:, None], interval_widths(periods.horizons))
        data = lgb.Dataset(
            _stack(covariates.features, is_known),
            label=_concatenate(periods.outcome, is_known),
            init_score=_concatenate(base, is_known),
            params={
                "max_bin": bins,
                "bin_construct_sample_cnt": BINNED_SAMPLE,
                "feature_pre_filter": False,
                "verbose": -1,
            },
            feature_name=[*(f"f{column}" for column in range(len(feature_names))), "interval"],
        ).construct()
        return cls(data, is_known, periods.exposure, feature_names, periods.horizons, base_strength)

    def fit(self, weight: Floats, params: Params) -> HazardModel:
        """Fit the boosters of every seed to rows of these weights, rows x 1 or rows x intervals; uncalibrated."""
        self.data.set_weight(_concatenate(weight * self.exposure, self.is_known))
        boosters = tuple(lgb.train(_options(params, seed), self.data, params.trees) for seed in range(params.seeds))
        calibration = Calibration.none(len(self.horizons))
        return HazardModel(self.feature_names, self.horizons, boosters, calibration, base_strength=self.base_strength)


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


def _stack(features: Matrix, is_known: NDArray[np.bool_]) -> Matrix:
    """Stack the known rows of one interval below those of the one before; the last column is the interval's number."""
    ends = np.cumsum(is_known.sum(axis=0))
    stacked = np.empty((int(ends[-1]), features.shape[1] + 1), dtype=np.float32)
    for interval, (begin, end) in enumerate(pairwise([0, *ends.tolist()])):
        stacked[begin:end, :-1] = features[is_known[:, interval]]
        stacked[begin:end, -1] = interval
    return stacked


def _concatenate(values: Floats, is_known: NDArray[np.bool_]) -> Floats:
    """Concatenate the known values of one interval after another: rows x intervals to the rows of `_stack`."""
    return np.concatenate([values[is_known[:, interval], interval] for interval in range(is_known.shape[1])])
