"""Other learners on identical features: what they would have forecast for a replay's rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from features import batch
from features.dataset import days
from features.grid import to_datetime
from features.labels import Outcomes, label
from models.baselines import Floats, Labelled, Matrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from data.view import View
    from models.backtest import Replay

TREES: Final = 300
RATE: Final = 0.05


class Classifier(Protocol):
    """What XGBoost's and scikit-learn's classifiers have in common."""

    def fit(self, X: Matrix, y: Floats, *, sample_weight: Floats) -> object: ...

    def predict_proba(self, X: Matrix) -> Floats: ...


@dataclass(frozen=True, slots=True)
class Ground:
    """The rows that rivals learn from and those that they forecast, for one horizon."""

    training: Labelled
    features: Matrix

    @classmethod
    def of(cls, replay: Replay, hindsight: View, horizon_days: float) -> Ground:
        """Take a replay's training set as known at its split, and compute its test rows' features anew."""
        trained, (rows, _) = replay.trained, replay.at(horizon_days)
        training = trained.training
        told = label(training.rows, Outcomes.of(trained.view, training.rows.names), days(horizon_days))
        known = ~np.isnan(told)
        seen = training.features[known]
        varies = np.fmin.reduce(seen, axis=0) < np.fmax.reduce(seen, axis=0)  # scikit-learn can't bin the others
        view = hindsight.narrow(to_datetime(rows.cutoffs[-1]))
        return cls(
            Labelled(seen[:, varies], told[known], training.weight[known]),
            batch.compute(training.catalogue, view, replay.risk, rows)[:, varies],
        )

    def forecast(self, rival: Classifier) -> Floats:
        """Train a rival, and forecast."""
        rival.fit(self.training.features, self.training.label, sample_weight=self.training.weight)
        return np.asarray(rival.predict_proba(self.features)[:, 1], dtype=np.float64)


def learners(seed: int) -> Mapping[str, Classifier]:
    """Give the rivals by name: as many trees at the same rate, and their own defaults otherwise."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - beside XGBoost
    from xgboost import XGBClassifier  # noqa: PLC0415 - an extra that only benchmarks need

    return {
        "XGBoost": XGBClassifier(n_estimators=TREES, learning_rate=RATE, random_state=seed, n_jobs=2),
        "HistGradientBoosting": HistGradientBoostingClassifier(
            max_iter=TREES, learning_rate=RATE, early_stopping=False, random_state=seed
        ),
    }
