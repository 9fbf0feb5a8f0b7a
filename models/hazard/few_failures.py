"""The forecast from too few failures for a model: the fleet's own rate, and one signal if it has earned its place.

The candidates are how often a node failed, and what each metric shows now. They are tried on failures that came
after those that they were fitted to. Where none beats the fleet's rate beyond chance, every node has the same risk: a
ranking by noise would be worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from features.feature import Origin
from features.grid import to_step
from features.training.walk_forward import walk_forward
from models.hazard import rank_logistic
from models.hazard.fit import FoldData, covariates_of, make_fold, rows_per_failure
from models.hazard.logistic_loss import log_loss
from models.hazard.model import POOLED_FEATURE, Calibration, HazardModel, interval_widths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from data.view import View
    from features.training.person_periods import Periods
    from features.training.training_set import TrainingSet
    from models.hazard.fit import Fold
    from models.hazard.model import Covariates
    from models.hazard.rank_logistic import RankLogistic
    from models.setup import Recipe

Floats = NDArray[np.float64]
NEWEST: Final = "last"  # the statistic of the newest value of a metric that is reported when it changes
EARNED: Final = 1.64  # standard errors of the gain on later failures: one candidate in twenty has it by chance


@dataclass(frozen=True, slots=True)
class Fallback:
    """The model, and the feature that it ranks nodes by; empty: the fleet's rate alone."""

    model: HazardModel
    signal: str


@dataclass(frozen=True, slots=True)
class Signal:
    """A column of the features, and its fitted term; no term if its values say nothing."""

    column: int
    term: RankLogistic | None

    def scores(self, covariates: Covariates) -> Floats:
        """Compute what the signal adds to the base: rows x intervals, or 0."""
        if self.term is None:
            return np.zeros((1, 1))
        return self.term.scores(covariates.features[:, [self.column]])


def fit(training: TrainingSet, view: View, recipe: Recipe) -> Fallback:
    """Fit the fleet's rate, and the signal that forecast later failures best if that is more than chance."""
    everything = FoldData.of(training, training.periods, np.ones(len(training.rows), dtype=bool))
    groups = _candidates(training)
    gains = [_gain(training, view, recipe, columns) for columns in groups]
    best = int(np.argmax(gains))
    rate_alone = _rate_alone(everything)
    signal = _best(everything, groups[best], training, recipe)
    if gains[best] <= EARNED or signal.term is None:
        return Fallback(rate_alone, "")
    return Fallback(_with_signal(rate_alone, signal), rate_alone.feature_names[signal.column])


def _rate_alone(data: FoldData) -> HazardModel:
    """Return a model by which every node fails at the fleet's rate."""
    intervals, horizons = len(data.periods.horizons), data.periods.horizons
    silent = Calibration(np.zeros(intervals), np.zeros(intervals))
    return HazardModel(data.feature_names, horizons, (), silent, base_strength=data.base_strength)


def _with_signal(model: HazardModel, signal: Signal) -> HazardModel:
    """Add a signal to a model of the fleet's rate, as a linear model with a single weight."""
    assert signal.term is not None, "a signal that says nothing is not added"
    columns = len(model.feature_names)
    transforms = [rank_logistic.RankTransform(np.zeros(1), np.zeros(1))] * columns
    transforms[signal.column] = signal.term.transforms[0]
    weights = np.zeros(columns)
    weights[signal.column] = signal.term.weights[0]
    linear = rank_logistic.RankLogistic(tuple(transforms), weights, signal.term.intercepts)
    calibration = Calibration.none(len(model.horizons))
    return replace(model, linear=linear, trees_share=0.0, calibration=calibration)


def _candidates(training: TrainingSet) -> list[list[int]]:
    """Return the columns of each kind of signal: the node's past failures, and what each metric shows now."""
    features = training.catalogue.features
    sampled = [feature.window for feature in features if feature.origin is Origin.SAMPLED and feature.window]
    shortest = min(sampled, default=None)
    now = [
        column
        for column, feature in enumerate(features)
        if (feature.origin is Origin.SAMPLED and feature.window == shortest)
        or (feature.origin is Origin.ON_CHANGE and feature.statistic.name == NEWEST)
    ]
    return [[training.catalogue.names.index(POOLED_FEATURE)], *([now] if now else [])]


def _gain(training: TrainingSet, view: View, recipe: Recipe, columns: Sequence[int]) -> float:
    """Return by how many standard errors a kind of signal beat the fleet's rate, on failures after those it knew.

    The errors are those of sums over a node's rows within a longest horizon, which share their failures.
    """
    starts = walk_forward(training.rows.ts[training.periods.fails], recipe.folds)
    folds = (make_fold(training, view, starts, number) for number in range(1, len(starts) + 1))
    sums = np.array([gain for fold in folds if fold for gain in _gains(fold, training, recipe, columns)])
    error = float(np.sqrt(np.square(sums).sum()))
    return float(sums.sum()) / error if error > 0 else 0.0


def _gains(fold: Fold, training: TrainingSet, recipe: Recipe, columns: Sequence[int]) -> Iterator[float]:
    """Yield the gain in log-likelihood on a fold's test, in nats, of each node in each stretch of the horizon."""
    signal, rate_alone = _best(fold.data, columns, training, recipe), _rate_alone(fold.data)
    rows, covariates = training.rows.take(fold.test_rows), covariates_of(training).take(fold.test_rows)
    periods = training.periods.take(fold.test_rows)
    weight = _weight(periods, training.weight[fold.test_rows], recipe)
    base, outcome = rate_alone.base(covariates.fleet_rate), np.nan_to_num(periods.outcome)
    gain = log_loss(base, outcome, weight) - log_loss(base + signal.scores(covariates), outcome, weight)
    stretch = (rows.ts - rows.cutoffs[0]) // to_step(periods.horizons[-1])
    _, unit = np.unique(np.column_stack([rows.node, stretch.astype(np.int64)]), axis=0, return_inverse=True)
    yield from np.bincount(unit.ravel(), gain.sum(axis=1))


def _best(data: FoldData, columns: Sequence[int], training: TrainingSet, recipe: Recipe) -> Signal:
    """Fit the signal with the highest likelihood; one by which nodes that failed often fail less is not believed."""
    history = training.catalogue.names.index(POOLED_FEATURE)
    base = _rate_alone(data).base(data.covariates.fleet_rate)
    weight = _weight(data.periods, data.weight, recipe)
    outcome = np.nan_to_num(data.periods.outcome)
    best, lowest = Signal(columns[0], None), float(log_loss(base, outcome, weight).sum())
    for column in columns:
        term = rank_logistic.fit(data.covariates.features[:, [column]], base, data.periods.outcome, weight)
        term = replace(term, intercepts=np.zeros_like(term.intercepts))
        signal = Signal(column, term)
        loss = float(log_loss(base + signal.scores(data.covariates), outcome, weight).sum())
        if loss < lowest and not (column == history and term.weights[0] < 0):
            best, lowest = signal, loss
    return best


def _weight(periods: Periods, weight: Floats, recipe: Recipe) -> Floats:
    """Weigh person-periods, rows x intervals, so that a failure counts once in each interval; 0 where unknown."""
    repeats = rows_per_failure(interval_widths(periods.horizons), recipe)
    return np.where(np.isnan(periods.outcome), 0.0, weight[:, None] * periods.exposure / repeats)
