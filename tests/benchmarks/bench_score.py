"""Times batch scoring beside LightGBM's own predict on the same matrix: `python -m tests.benchmarks.bench_score`.

100,000 rows of 200 features; 3 seeds of 150 trees, 4 horizons. Raw predict runs each booster on each horizon's matrix,
which is made beforehand and not timed; ours makes calibrated probabilities from the features.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from features.training.person_periods import Periods
from models.hazard.boosting import fit
from models.hazard.model import Covariates, HazardModel, calibrated_hazards, cumulative_probabilities
from models.setup import Params
from tests.benchmarks.tables import HEADER, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ROWS: Final = 100_000
FEATURES: Final = 200
EXPLAINED: Final = 1_000
HORIZONS: Final = (1.0, 3.0, 7.0, 14.0)
LEARNED: Final = 4_000
REPEATS: Final = 3


@dataclass(frozen=True, slots=True)
class LightGbm:
    """A model's probabilities by LightGBM's predict alone."""

    model: HazardModel

    def matrices(self, features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Set each interval's number beside the features."""
        intervals = range(len(self.model.horizons_days))
        return [np.column_stack([features, np.full(len(features), at, np.float32)]) for at in intervals]

    def raw(self, matrices: list[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Predict with every booster on every interval's matrix, and take the mean of the boosters."""
        told = [[np.asarray(one.predict(at, raw_score=True)) for at in matrices] for one in self.model.boosters]
        return np.asarray(np.mean(np.array(told), axis=0).T)

    def probabilities(self, covariates: Covariates) -> NDArray[np.float64]:
        """Give the probability of failing by each horizon."""
        scores = self.raw(self.matrices(covariates.features))
        return cumulative_probabilities(
            calibrated_hazards(self.model.base(covariates.fleet_rate), scores, self.model.calibration)
        )


def made_up_model(features: int) -> HazardModel:
    """Fit a model of the usual size to made-up failures."""
    rng = np.random.default_rng(0)
    told = made_up(rng, LEARNED, features)
    chance = 0.05 + 0.1 * (np.nan_to_num(told[:, :4]) > 1)
    periods = Periods(HORIZONS, (rng.random(chance.shape) < chance).astype(np.float64), np.ones(chance.shape))
    names = tuple(f"feature{number}" for number in range(features))
    rate = np.full(LEARNED, 1e-2)
    return fit(Covariates(told, rate), periods, np.ones(LEARNED), names, Params(trees=150))


def made_up(rng: np.random.Generator, rows: int, features: int) -> NDArray[np.float32]:
    """Draw features, one value in ten missing, column by column in memory as `batch.compute` gives them."""
    told = rng.normal(size=(rows, features)).astype(np.float32)
    told[rng.random(told.shape) < 0.1] = np.nan
    return np.asfortranarray(told)


def best(work: Callable[[], object]) -> float:
    """Time the best of a few runs."""
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


def rows() -> list[tuple[str, str, str]]:
    """Measure, and name the targets."""
    model, features = made_up_model(FEATURES), made_up(np.random.default_rng(1), ROWS, FEATURES)
    covariates, reference = Covariates(features, np.full(ROWS, 1e-2)), LightGbm(model)
    matrices = reference.matrices(features)
    raw, ours = best(lambda: reference.raw(matrices)), best(lambda: model.probabilities(covariates))
    few = covariates.take(np.arange(EXPLAINED))
    slices = reference.matrices(few.features)
    shap = best(lambda: [one.predict(at, pred_contrib=True) for one in model.boosters for at in slices])
    told = best(lambda: model.contributions(few))
    alike = np.array_equal(model.probabilities(covariates), reference.probabilities(covariates))
    return [
        ("probabilities of 100,000 rows over raw predict", f"{ours / raw:.2f} times ({ours:.2f} s)", "≤ 1.3 times"),
        ("the same numbers to the last bit", "yes" if alike else "no", "yes"),
        ("what each feature adds, 1,000 rows, over LightGBM's SHAP", f"{told / shap:.2f} times ({told:.2f} s)", ""),
    ]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(HEADER, rows()))


if __name__ == "__main__":
    main()
