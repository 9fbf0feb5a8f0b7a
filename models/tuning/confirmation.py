"""Compares the chosen settings with today's on rows that did not influence the choice, with paired intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import coo_array, csc_array
from scipy.special import expit
from sklearn.metrics import average_precision_score

from data.errors import TooLittleDataError
from features.grid import to_step
from features.training.labels import Outcomes, label
from models.evaluation.context import FEWEST_FAILURES
from models.hazard.model import cumulative_probabilities
from models.metrics.bootstrap import NodeWeekCells, Resampler, draw_resampler
from models.metrics.estimate import Estimate, divide
from models.metrics.ranking_bootstrap import cut_segments, resampled_ranking
from models.tuning.validation_folds import Floats, Indices, IntervalOutcomes, TuningSplit

if TYPE_CHECKING:
    from datetime import timedelta

    from numpy.typing import NDArray

    from features.grid import Times
    from features.population.at_risk import Rows
    from models.setup import Params

LOSS: Final = "log_loss"
PRECISION: Final = "average_precision"
CAUGHT: Final = "caught_share"
IS_LOSS: Final = {LOSS: True, PRECISION: False, CAUGHT: False}

Figures = Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class TuningOptions:
    """At which horizon and alarm share settings are compared, and the seed of the search and of the resamples."""

    horizon: timedelta
    alarm_share: float
    seed: int


@dataclass(frozen=True, slots=True)
class SettingsComparison:
    """Figures of today's settings and of the chosen ones, on the same rows and resamples."""

    today: Figures
    chosen: Figures
    rows: int
    failures: int  # that follow one of the rows within the horizon

    @property
    def gains(self) -> dict[str, Estimate]:
        """How much better each figure became: above 0 is better, whatever the figure."""
        pairs = {name: (self.today[name], self.chosen[name]) for name in IS_LOSS}
        return {
            name: today.minus(chosen) if IS_LOSS[name] else chosen.minus(today)
            for name, (today, chosen) in pairs.items()
        }

    @property
    def is_better(self) -> bool:
        """Whether the likelihood rose beyond chance, and neither the ranking nor the alarms became worse beyond it."""
        low = self.gains[LOSS].bounds()[0]
        return low is not None and low > 0 and not self.worse

    @property
    def worse(self) -> tuple[str, ...]:
        """The figures that became worse beyond chance."""
        highs = {name: gain.bounds()[1] for name, gain in self.gains.items()}
        return tuple(name for name, high in highs.items() if high is not None and high < 0)


def compare(split: TuningSplit, params: Params, options: TuningOptions) -> SettingsComparison:
    """Compare both settings on the newer folds.

    Raises:
        TooLittleDataError: if there is no such fold.
    """
    today_scores, chosen_scores = list[Floats](), list[Floats]()
    rows, outcomes = list[Indices](), list[IntervalOutcomes]()
    for fold in split.confirmation_folds():
        rows.append(fold.test_rows)
        outcomes.append(fold.outcomes)
        today_scores.append(fold.scores(split.recipe))
        chosen_scores.append(fold.scores(replace(split.recipe, params=params)))
    if not rows:
        raise TooLittleDataError("no fold is left to confirm settings on", fix="tune when there are more failures")
    confirmation = ConfirmationSet.of(split, np.concatenate(rows), IntervalOutcomes.concatenated(outcomes), options)
    return SettingsComparison(
        confirmation.figures(np.concatenate(today_scores)),
        confirmation.figures(np.concatenate(chosen_scores)),
        len(confirmation.rows),
        len(confirmation.failure_cells.node),
    )


@dataclass(frozen=True, slots=True)
class ConfirmationSet:
    """Sampled rows of the newer folds with their weights and outcomes, and resamples of their nodes and weeks."""

    options: TuningOptions
    horizon_column: int  # of the options' horizon, among all
    rows: Rows
    weight: Floats
    outcomes: IntervalOutcomes
    label: Floats  # at the options' horizon
    failure: Indices  # the number of the failure that follows a row within the horizon; -1: none
    failure_cells: NodeWeekCells
    resampler: Resampler

    @classmethod
    def of(
        cls, split: TuningSplit, test_rows: Indices, outcomes: IntervalOutcomes, options: TuningOptions
    ) -> ConfirmationSet:
        """Label the rows by all that is known now, and draw the resamples: the same for all settings."""
        training, horizon = split.training, options.horizon
        column = training.periods.horizons.index(horizon)
        rows, known_outcomes = training.rows.take(test_rows), Outcomes.of(split.view, training.rows.names)
        labels = label(rows, known_outcomes, horizon, training.periods.repeats[column]).label
        node, start, failure = _number_failures(rows, known_outcomes.next_failure(rows), labels == 1)
        rng = np.random.default_rng(options.seed)
        resampler = draw_resampler(rows.names, rows.ts.min(), rows.ts.max() + to_step(horizon), rng)
        return cls(
            options,
            column,
            rows,
            training.weight[test_rows],
            outcomes,
            labels,
            failure,
            resampler.cells(rows.names, node, start),
            resampler,
        )

    def figures(self, score: Floats) -> dict[str, Estimate]:
        """Compute the figures of a model that adds this score to the base."""
        probability = cumulative_probabilities(expit(self.outcomes.base + score))[:, self.horizon_column]
        figures = {LOSS: self._loss(score), PRECISION: self._precision(probability), CAUGHT: self._caught(probability)}
        is_enough = len(self.failure_cells.node) >= FEWEST_FAILURES
        return figures if is_enough else {name: Estimate(figure.value) for name, figure in figures.items()}

    def _loss(self, score: Floats) -> Estimate:
        return self._ratio(self.outcomes.losses(score), self.outcomes.failures, self._cells(self.rows))

    def _precision(self, probability: Floats) -> Estimate:
        """Compute the average precision; a row counts for as many nodes as its weight says."""
        is_known = ~np.isnan(self.label)
        labels, forecast, weight = self.label[is_known], probability[is_known], self.weight[is_known]
        if not labels.any():
            return Estimate(None)
        segments = cut_segments(labels, forecast)
        row_of_sums = segments.of_row + np.where(labels == 1, 0, segments.count)
        matrix = coo_array(
            (weight, (row_of_sums, np.arange(len(labels)))), shape=(2 * segments.count, len(labels))
        ).tocsc()
        sums = self.resampler.sums(matrix, self._cells(self.rows.take(is_known)))
        draws = [resampled_ranking(segments, *np.split(block, 2))["pr_auc"] for block in sums]
        value = float(average_precision_score(labels, forecast, sample_weight=weight))
        return Estimate(value, np.concatenate(draws))

    def _caught(self, probability: Floats) -> Estimate:
        """Compute the share of failures with an alarm before them, among those with any row before them."""
        warned = self.failure[riskiest(self.rows, probability, self.weight, self.options.alarm_share)]
        count = len(self.failure_cells.node)
        is_caught = np.bincount(warned[warned >= 0], minlength=count) > 0
        return self._ratio(is_caught.astype(np.float64), np.ones(count), self.failure_cells)

    def _ratio(self, top: Floats, bottom: Floats, cells: NodeWeekCells) -> Estimate:
        if not bottom.sum():
            return Estimate(None)
        sums = np.concatenate(list(self.resampler.sums(csc_array(np.vstack([top, bottom])), cells)), axis=1)
        return Estimate(float(top.sum() / bottom.sum()), divide(sums[0], sums[1]))

    def _cells(self, rows: Rows) -> NodeWeekCells:
        return self.resampler.cells(rows.names, rows.node.astype(np.int32), rows.ts)


def _number_failures(
    rows: Rows, next_failure: NDArray[np.datetime64], is_followed: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], Times, Indices]:
    """Number the failures that follow rows: each failure's node and start, and each row's failure, -1 for none."""
    pairs = np.column_stack([rows.node[is_followed], next_failure[is_followed].astype(np.int64)])
    failures, number = np.unique(pairs, axis=0, return_inverse=True)
    failure_of_row = np.full(len(rows), -1)
    failure_of_row[is_followed] = number.ravel()
    return failures[:, 0].astype(np.int32), failures[:, 1].astype("datetime64[us]"), failure_of_row


def riskiest(rows: Rows, probability: Floats, weight: Floats, share: float) -> NDArray[np.bool_]:
    """Select the riskiest share of the rows of each time, if each row stands for `weight` nodes."""
    order = np.lexsort((-probability, rows.cutoff))
    _, first, size = np.unique(rows.cutoff[order], return_index=True, return_counts=True)
    riskier = np.cumsum(weight[order]) - weight[order]  # the weight of all rows before each
    total = np.add.reduceat(weight[order], first) if len(first) else np.empty(0)
    is_selected = np.zeros(len(rows), dtype=bool)
    is_selected[order] = riskier - np.repeat(riskier[first], size) < share * np.repeat(total, size)
    return is_selected
