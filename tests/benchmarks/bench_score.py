"""Times batch scoring against LightGBM's own predict on the same matrix: `python -m tests.benchmarks.bench_score`.

100,000 rows of 200 features; 3 seeds of 150 trees, 4 horizons. Raw predict runs each booster on each horizon's matrix,
which is built before and not timed; Nodeward computes calibrated probabilities from the features. If it were slower
than raw predict, `models/hazard/tree_tables.py` would have no purpose.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.time_grid import DAY
from features.events.base_rates import FleetRate
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
HORIZONS: Final = (DAY, 3 * DAY, 7 * DAY, 14 * DAY)
TRAINING_ROWS: Final = 4_000
REPEATS: Final = 3


@dataclass(frozen=True, slots=True)
class LightGbm:
    """A model's probabilities by LightGBM's predict alone."""

    model: HazardModel

    def matrices(self, features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Add each interval's number as a column to the features."""
        intervals = range(len(self.model.horizons))
        return [np.column_stack([features, np.full(len(features), number, np.float32)]) for number in intervals]

    def raw(self, matrices: list[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Predict with every booster on every interval's matrix, and average the boosters."""
        scores = [
            [np.asarray(booster.predict(matrix, raw_score=True)) for matrix in matrices]
            for booster in self.model.boosters
        ]
        return np.asarray(np.mean(np.array(scores), axis=0).T)

    def probabilities(self, covariates: Covariates) -> NDArray[np.float64]:
        """Compute the probability of failing by each horizon."""
        scores = self.raw(self.matrices(covariates.features))
        return cumulative_probabilities(
            calibrated_hazards(self.model.base(covariates.fleet_rate), scores, self.model.calibration)
        )


def made_up_model(features: int) -> HazardModel:
    """Fit a model of the usual size to made-up failures."""
    rng = np.random.default_rng(0)
    matrix = made_up(rng, TRAINING_ROWS, features)
    hazard = 0.05 + 0.1 * (np.nan_to_num(matrix[:, :4]) > 1)
    outcome = (rng.random(hazard.shape) < hazard).astype(np.float64)
    periods = Periods(HORIZONS, (DAY,) * len(HORIZONS), outcome, np.ones(hazard.shape))
    names = tuple(f"feature{number}" for number in range(features))
    rate = FleetRate.constant(1e-2, TRAINING_ROWS)
    return fit(Covariates(matrix, rate), periods, np.ones(TRAINING_ROWS), names, Params(trees=150))


def made_up(rng: np.random.Generator, rows: int, features: int) -> NDArray[np.float32]:
    """Draw features, one value in ten missing, column by column in memory as `batch.compute` returns them."""
    matrix = rng.normal(size=(rows, features)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    return np.asfortranarray(matrix)


def seconds(work: Callable[[], object]) -> float:
    """Time the fastest of a few runs."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def rows() -> list[tuple[str, str, str]]:
    """Measure, next to the targets."""
    model, features = made_up_model(FEATURES), made_up(np.random.default_rng(1), ROWS, FEATURES)
    covariates, reference = Covariates(features, FleetRate.constant(1e-2, ROWS)), LightGbm(model)
    matrices = reference.matrices(features)
    raw, scoring = seconds(lambda: reference.raw(matrices)), seconds(lambda: model.probabilities(covariates))
    few = covariates.take(np.arange(EXPLAINED))
    few_matrices = reference.matrices(few.features)
    shap = seconds(
        lambda: [booster.predict(matrix, pred_contrib=True) for booster in model.boosters for matrix in few_matrices]
    )
    explaining = seconds(lambda: model.contributions(few))
    is_same = np.array_equal(model.probabilities(covariates), reference.probabilities(covariates))
    return [
        (
            "probabilities of 100,000 rows over raw predict",
            f"{scoring / raw:.2f} times ({scoring:.2f} s)",
            "≤ 1.3 times",
        ),
        ("the same numbers to the last bit", "yes" if is_same else "no", "yes"),
        (
            "what each feature adds, 1,000 rows, over LightGBM's SHAP",
            f"{explaining / shap:.2f} times ({explaining:.2f} s)",
            "",
        ),
    ]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(HEADER, rows()))


if __name__ == "__main__":
    main()
