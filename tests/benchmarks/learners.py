"""Other learners on identical features: what they would have forecast for a replay's rows.

Each gets the model's own matrix and the fleet's rate that the model starts from, learns from the same weighted rows,
and stops early as its users would: where the loss on the newest fifth of the failures is lowest; then it learns again
from all rows, with as many trees. These are small and regularised, which doubled XGBoost's PR-AUC on LANL's validation
window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from features.compute import batch
from features.events.base_rates import FleetRate
from features.grid import to_datetime, to_step
from features.training.labels import Outcomes, label
from models.baselines.labelled_rows import Floats, LabelledRows, Matrix

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from catboost import CatBoostClassifier
    from numpy.typing import NDArray
    from sklearn.ensemble import HistGradientBoostingClassifier
    from xgboost import XGBClassifier

    from data.view import View
    from features.grid import Times
    from models.backtest.replay import Replay

MAX_TREES: Final = 1000
RATE: Final = 0.05
PATIENCE: Final = 50  # trees without gain before a learner stops
OLDER_SHARE: Final = 0.8  # of the failing rows; the newer ones decide when to stop
THREADS: Final = -1  # all, as for LightGBM


class Classifier(Protocol):
    """The method that all libraries' classifiers have."""

    def predict_proba(self, X: Matrix) -> Floats: ...


class Learner(Protocol):
    """A library: the number of trees that is best on newer rows, and a classifier of so many trees."""

    def choose_trees(self, older: LabelledRows, newer: LabelledRows) -> int: ...

    def fit(self, training: LabelledRows, trees: int) -> Classifier: ...


@dataclass(frozen=True, slots=True)
class LearnerData:
    """The training rows with their times, and the features of the rows to forecast, for one horizon."""

    training: LabelledRows
    ts: Times
    horizon: np.timedelta64
    features: Matrix

    @classmethod
    def of(cls, replay: Replay, hindsight: View, horizon: timedelta) -> LearnerData:
        """Label a replay's training set as known at its split, and compute its test rows' features again."""
        trained, (rows, _) = replay.trained, replay.of_horizon(horizon)
        training, design = trained.training, replay.setup.design
        outcomes = Outcomes.of(trained.view, training.rows.names)
        labels = label(training.rows, outcomes, horizon, design.repeat_within(horizon)).label
        is_known = ~np.isnan(labels)
        view = hindsight.narrow(to_datetime(rows.cutoffs[-1]))
        rate = FleetRate.of(view, replay.risk, design.every, design.repeats[0]).take(rows.cutoff)
        strength = trained.model.base_strength
        learned = _with_rate(training.features, training.fleet_rate.at_strength(strength))[is_known]
        return cls(
            LabelledRows(learned, labels[is_known], training.weight[is_known]),
            training.rows.ts[is_known],
            to_step(horizon),
            _with_rate(batch.compute(training.catalogue, view, replay.risk, rows), rate.at_strength(strength)),
        )

    def split(self) -> tuple[LabelledRows, LabelledRows]:
        """Split the training rows in time; the older ones end a horizon before the newer ones begin."""
        failing_times = self.ts[self.training.label == 1].astype(np.int64)
        start = np.quantile(failing_times, OLDER_SHARE).astype("datetime64[us]")
        return _take(self.training, self.ts + self.horizon <= start), _take(self.training, self.ts > start)

    def forecast(self, learner: Learner) -> Floats:
        """Train a learner, and forecast."""
        classifier = learner.fit(self.training, learner.choose_trees(*self.split()))
        return np.asarray(classifier.predict_proba(self.features)[:, 1], dtype=np.float64)


def _with_rate(features: Matrix, rate: Floats) -> Matrix:
    return np.column_stack([features, rate.astype(np.float32)])


def _take(rows: LabelledRows, is_kept: NDArray[np.bool_]) -> LabelledRows:
    return LabelledRows(rows.features[is_kept], rows.label[is_kept], rows.weight[is_kept])


@dataclass(frozen=True, slots=True)
class XGBoost:
    """Gradient boosting by XGBoost."""

    seed: int

    def choose_trees(self, older: LabelledRows, newer: LabelledRows) -> int:
        """Stop where the loss on the newer rows no longer falls."""
        model = self._make(MAX_TREES, early_stopping_rounds=PATIENCE)
        model.fit(
            older.features,
            older.label,
            sample_weight=older.weight,
            eval_set=[(newer.features, newer.label)],
            sample_weight_eval_set=[newer.weight],
            verbose=False,
        )
        return int(model.best_iteration) + 1

    def fit(self, training: LabelledRows, trees: int) -> Classifier:
        """Fit a number of trees."""
        model: Classifier = self._make(trees).fit(
            training.features, training.label, sample_weight=training.weight, verbose=False
        )
        return model

    def _make(self, trees: int, **more: int) -> XGBClassifier:
        from xgboost import XGBClassifier  # noqa: PLC0415 - an extra that only benchmarks need

        return XGBClassifier(
            n_estimators=trees,
            learning_rate=RATE,
            max_depth=4,
            min_child_weight=50,
            subsample=0.7,
            colsample_bytree=0.5,
            reg_lambda=10.0,
            random_state=self.seed,
            n_jobs=THREADS,
            **more,
        )


STOPS_EARLY: Final[dict[str, float | str]] = {
    "early_stopping": True,
    "n_iter_no_change": PATIENCE,
    "tol": 0.0,
    "scoring": "loss",
}
RARE: Final = 30  # rows; scikit-learn chooses bins from a sample of 200,000 rows, and fails if it finds no two values


def varied(features: Matrix) -> NDArray[np.bool_]:
    """Return which columns hold at least two values, neither of them rare."""
    low, high = np.fmin.reduce(features, axis=0), np.fmax.reduce(features, axis=0)
    return np.asarray(np.minimum(np.sum(features > low, axis=0), np.sum(features < high, axis=0)) >= RARE)


@dataclass(frozen=True, slots=True)
class ColumnSubset:
    """A classifier of some of the columns."""

    model: Classifier
    columns: NDArray[np.bool_]

    def predict_proba(self, X: Matrix) -> Floats:
        """Forecast from these columns."""
        return self.model.predict_proba(X[:, self.columns])


@dataclass(frozen=True, slots=True)
class HistGradientBoosting:
    """Gradient boosting by scikit-learn."""

    seed: int

    def choose_trees(self, older: LabelledRows, newer: LabelledRows) -> int:
        """Stop where the loss on the newer rows no longer falls."""
        model, columns = self._make(MAX_TREES, **STOPS_EARLY), varied(older.features)
        model.fit(
            older.features[:, columns],
            older.label,
            sample_weight=older.weight,
            X_val=newer.features[:, columns],
            y_val=newer.label,
            sample_weight_val=newer.weight,
        )
        return max(int(np.argmax(model.validation_score_)), 1)  # the first score is that of no tree

    def fit(self, training: LabelledRows, trees: int) -> Classifier:
        """Fit a number of trees."""
        model, columns = self._make(trees, early_stopping=False), varied(training.features)
        model.fit(training.features[:, columns], training.label, sample_weight=training.weight)
        return ColumnSubset(model, columns)

    def _make(self, trees: int, **more: float | str) -> HistGradientBoostingClassifier:
        from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - next to the others

        return HistGradientBoostingClassifier(
            max_iter=trees,
            learning_rate=RATE,
            max_leaf_nodes=8,
            min_samples_leaf=50,
            max_features=0.2,
            l2_regularization=10.0,
            random_state=self.seed,
            **more,
        )


@dataclass(frozen=True, slots=True)
class CatBoost:
    """Gradient boosting by CatBoost."""

    seed: int

    def choose_trees(self, older: LabelledRows, newer: LabelledRows) -> int:
        """Stop where the loss on the newer rows no longer falls."""
        from catboost import Pool  # noqa: PLC0415 - an extra that only benchmarks need

        model = self._make(MAX_TREES)
        newest = Pool(newer.features, newer.label, weight=newer.weight)
        model.fit(
            older.features,
            older.label,
            sample_weight=older.weight,
            eval_set=newest,
            early_stopping_rounds=PATIENCE,
        )
        return int(model.get_best_iteration()) + 1

    def fit(self, training: LabelledRows, trees: int) -> Classifier:
        """Fit a number of trees."""
        model: Classifier = self._make(trees).fit(training.features, training.label, sample_weight=training.weight)
        return model

    def _make(self, trees: int) -> CatBoostClassifier:
        from catboost import CatBoostClassifier  # noqa: PLC0415 - an extra that only benchmarks need

        return CatBoostClassifier(
            iterations=trees,
            learning_rate=RATE,
            depth=4,
            rsm=0.3,
            l2_leaf_reg=10.0,
            random_seed=self.seed,
            thread_count=THREADS,
            allow_writing_files=False,
            verbose=False,
        )


def all_learners(seed: int) -> Mapping[str, Learner]:
    """Return the learners by name."""
    return {
        "XGBoost": XGBoost(seed),
        "HistGradientBoosting": HistGradientBoosting(seed),
        "CatBoost": CatBoost(seed),
    }
