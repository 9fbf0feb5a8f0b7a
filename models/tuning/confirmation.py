"""Compares chosen settings with today's on rows that had no say in the choice, each figure with a paired interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import coo_array, csc_array
from scipy.special import expit
from sklearn.metrics import average_precision_score

from data.errors import TooLittleDataError
from features.grid import days
from features.training.labels import Outcomes, label
from models.evaluation.context import FEWEST_FAILURES
from models.hazard.model import cumulative_probabilities
from models.metrics.bootstrap import NodeWeekCells, Resampler, draw_resampler
from models.metrics.estimate import Estimate, divide
from models.metrics.ranking_bootstrap import cut_segments, resampled_ranking
from models.tuning.validation_folds import Chosen, Course, Floats, Truth

if TYPE_CHECKING:
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
class Question:
    """What people want to know beside the likelihood: at which horizon, alarming which share of the nodes."""

    horizon_days: float
    alarm_share: float
    seed: int  # of the search and of the resamples


@dataclass(frozen=True, slots=True)
class SettingsComparison:
    """Figures of today's settings and of those that were chosen, on the same rows and resamples."""

    now: Figures
    chosen: Figures
    rows: int
    failures: int  # that the rows could warn of

    @property
    def gains(self) -> dict[str, Estimate]:
        """Give how much better each figure became: above 0 is better, whatever the figure."""
        pairs = {name: (self.now[name], self.chosen[name]) for name in IS_LOSS}
        return {name: now.minus(new) if IS_LOSS[name] else new.minus(now) for name, (now, new) in pairs.items()}

    @property
    def is_better(self) -> bool:
        """Tell whether the likelihood rose beyond chance, and neither the ranking nor the alarms fell beyond it."""
        low = self.gains[LOSS].bounds()[0]
        return low is not None and low > 0 and not self.worse

    @property
    def worse(self) -> tuple[str, ...]:
        """Name the figures that fell beyond chance."""
        highs = {name: gain.bounds()[1] for name, gain in self.gains.items()}
        return tuple(name for name, high in highs.items() if high is not None and high < 0)


def compare(course: Course, chosen: Params, question: Question) -> SettingsComparison:
    """Let both settings sit the newer folds.

    Raises:
        TooLittleDataError: if none of these can be sat.
    """
    recipes = {"now": course.recipe, "chosen": replace(course.recipe, params=chosen)}
    tested, truths, answers = list[Chosen](), list[Truth](), {name: list[Floats]() for name in recipes}
    for exam in course.newer():
        tested.append(exam.tested)
        truths.append(exam.truth)
        for name, recipe in recipes.items():
            answers[name].append(exam.answer(recipe))
    if not tested:
        raise TooLittleDataError("no fold is left to confirm settings on", fix="tune when there are more failures")
    jury = Jury.of(course, np.concatenate(tested), Truth.joined(truths), question)
    told = {name: jury.figures(np.concatenate(parts)) for name, parts in answers.items()}
    return SettingsComparison(told["now"], told["chosen"], len(jury.rows), len(jury.failure_cells.node))


@dataclass(frozen=True, slots=True)
class Jury:
    """Sampled rows, what each stands for and came to, and resamples of their nodes and weeks."""

    question: Question
    horizon_at: int  # among all horizons
    rows: Rows
    weight: Floats
    truth: Truth
    label: Floats  # at the question's horizon
    failure: Chosen  # the number of the failure that a row is followed by within the horizon; -1: none
    failure_cells: NodeWeekCells
    resampler: Resampler

    @classmethod
    def of(cls, course: Course, tested: Chosen, truth: Truth, question: Question) -> Jury:
        """Look up what came of the rows, and draw the resamples: the same for all settings."""
        training, horizon = course.training, days(question.horizon_days)
        rows, outcomes = training.rows.take(tested), Outcomes.of(course.view, training.rows.names)
        told, ahead = label(rows, outcomes, horizon), outcomes.next_failure(rows)
        node, start, failure = _number(rows, ahead, told == 1)
        rng = np.random.default_rng(question.seed)
        resampler = draw_resampler(rows.names, rows.ts.min(), rows.ts.max() + horizon, rng)
        return cls(
            question,
            training.periods.horizons_days.index(question.horizon_days),
            rows,
            training.weight[tested],
            truth,
            told,
            failure,
            resampler.cells(rows.names, node, start),
            resampler,
        )

    def figures(self, score: Floats) -> dict[str, Estimate]:
        """Judge what a model adds to the base."""
        probability = cumulative_probabilities(expit(self.truth.base + score))[:, self.horizon_at]
        found = {LOSS: self._loss(score), PRECISION: self._precision(probability), CAUGHT: self._caught(probability)}
        is_enough = len(self.failure_cells.node) >= FEWEST_FAILURES
        return found if is_enough else {name: Estimate(figure.value) for name, figure in found.items()}

    def _loss(self, score: Floats) -> Estimate:
        return self._ratio(self.truth.losses(score), self.truth.failures, self._cells(self.rows))

    def _precision(self, probability: Floats) -> Estimate:
        """Give the average precision; rows count for those that they stand for."""
        known = ~np.isnan(self.label)
        told, chance, weight = self.label[known], probability[known], self.weight[known]
        if not told.any():
            return Estimate(None)
        segments = cut_segments(told, chance)
        place = segments.of_row + np.where(told == 1, 0, segments.count)
        matrix = coo_array((weight, (place, np.arange(len(told)))), shape=(2 * segments.count, len(told))).tocsc()
        sums = self.resampler.sums(matrix, self._cells(self.rows.take(known)))
        draws = [resampled_ranking(segments, *np.split(block, 2))["pr_auc"] for block in sums]
        return Estimate(float(average_precision_score(told, chance, sample_weight=weight)), np.concatenate(draws))

    def _caught(self, probability: Floats) -> Estimate:
        """Give the share of the failures that an alarm came before, of those that any row came before."""
        warned = self.failure[alarmed(self.rows, probability, self.weight, self.question.alarm_share)]
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


def _number(
    rows: Rows, ahead: NDArray[np.datetime64], is_followed: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], Times, Chosen]:
    """Number the failures that rows are followed by: their nodes, their starts, and each row's."""
    pairs = np.column_stack([rows.node[is_followed], ahead[is_followed].astype(np.int64)])
    failures, place = np.unique(pairs, axis=0, return_inverse=True)
    number = np.full(len(rows), -1)
    number[is_followed] = place.ravel()
    return failures[:, 0].astype(np.int32), failures[:, 1].astype("datetime64[us]"), number


def alarmed(rows: Rows, probability: Floats, weight: Floats, share: float) -> NDArray[np.bool_]:
    """Tell which rows are among the riskiest share of their time, when each stands for `weight` nodes."""
    order = np.lexsort((-probability, rows.cutoff))
    _, first, size = np.unique(rows.cutoff[order], return_index=True, return_counts=True)
    above = np.cumsum(weight[order]) - weight[order]
    whole = np.add.reduceat(weight[order], first) if len(first) else np.empty(0)
    is_in = above - np.repeat(above[first], size) < share * np.repeat(whole, size)
    out = np.zeros(len(rows), dtype=bool)
    out[order] = is_in
    return out
