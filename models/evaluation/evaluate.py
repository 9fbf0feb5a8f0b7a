"""The protocol's evaluation of forecasts, every figure with its interval, and paired ratios between models.

Values equal the reference implementation's to 1e-6 from the same scores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from data.errors import DataError
from models.evaluation.alarm_budgets import AlarmOutcome, rate_figures, share_figures
from models.evaluation.alarm_rates import episode_rows
from models.evaluation.alarms import alarmed_rows
from models.evaluation.context import FEWEST_FAILURES, EvaluationContext
from models.evaluation.lead_times import notice_within
from models.evaluation.row_metrics import KEPT, row_draws, row_values
from models.metrics.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from features.grid import Array
    from models.evaluation.evaluation_set import EvaluationSet
    from models.metrics.bootstrap import Resampler

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MODEL: Final = "model"
RANKING: Final = "pr_auc"  # the measure that models are ranked by
BASELINE: Final = "base_rate"  # brier_skill is the gain over this one
TOO_FEW: Final = "too few failures"


def middle(budgets: Sequence[float]) -> float:
    """Return the budget in the middle, or the one after it."""
    return budgets[len(budgets) // 2]


@dataclass(frozen=True, slots=True)
class AlarmBudgets:
    """How many alarms are raised, and the notices that failures are counted by.

    `shares` of the nodes are alarmed at each scoring time; alarm episodes begin at `rates` per node and day.
    """

    shares: tuple[float, ...]
    rates: tuple[float, ...]
    notices: tuple[timedelta, ...] = ()

    @property
    def headline_rate(self) -> float:
        """The rate in the middle, or the one after it: what reports and tables show."""
        return middle(self.rates)

    def within(self, horizon: timedelta) -> AlarmBudgets:
        """Keep the notices that a horizon allows."""
        return replace(self, notices=notice_within(self.notices, horizon))


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """Every measure of one model: counts are integers, the rest figures; budgets by share and by rate."""

    measures: Mapping[str, int | Estimate]
    budgets: Mapping[float, Mapping[str, int | Estimate]]
    episode_budgets: Mapping[float, Mapping[str, int | Estimate]]
    failures: int

    def to_json(self) -> dict[str, object]:
        """Return the measures by their names in the protocol."""
        note = {"note": TOO_FEW} if self.failures < FEWEST_FAILURES else {}
        budgets = [{"alarm_share": share, **_to_json(measures)} for share, measures in self.budgets.items()]
        episode_budgets = [
            {"alarms_per_node_day": rate, **_to_json(measures)} for rate, measures in self.episode_budgets.items()
        ]
        return {**_to_json(self.measures), "budgets": budgets, "episode_budgets": episode_budgets, **note}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluations of several models on the same cases and resamples."""

    models: Mapping[str, ModelEvaluation]

    def to_json(self) -> dict[str, dict[str, object]]:
        """Return each model's measures, ready for JSON."""
        return {name: evaluation.to_json() for name, evaluation in self.models.items()}

    def figure(self, measure: str, model: str, *, share: float | None = None, rate: float | None = None) -> Estimate:
        """Return one measure of a model: over all rows, at an alarm share, or at a rate of alarm episodes.

        Raises:
            DataError: there is no such model, share, rate or measure, or the measure is a count.
        """
        evaluation = _look_up(self.models, model, "model")
        measures = evaluation.measures
        if share is not None:
            measures = _look_up(evaluation.budgets, share, "alarm share")
        elif rate is not None:
            measures = _look_up(evaluation.episode_budgets, rate, "alarm rate")
        figure = _look_up(measures, measure, "measure")
        if not isinstance(figure, Estimate):
            raise DataError(f"{measure} is a count and has no interval", fix="request the share or the rate of it")
        return figure

    def ratio(
        self, measure: str, model: str, baseline: str, *, share: float | None = None, rate: float | None = None
    ) -> Estimate:
        """Divide a measure of one model by that of another, with the paired interval."""
        figures = (self.figure(measure, name, share=share, rate=rate) for name in (model, baseline))
        return next(figures).over(next(figures))


def evaluate(
    cases: EvaluationSet,
    probabilities: Mapping[str, Array],
    budgets: AlarmBudgets,
    resampler: Resampler,
) -> Evaluation:
    """Evaluate each model's probabilities, one for each row of the cases in their order.

    With notices, each budget also has the share of the failures that was caught so far ahead. Any finite
    score is accepted, so that a rule's raw value can be ranked; calibration then means little.

    Raises:
        DataError: a model's scores differ in number from the cases, or one isn't finite.
    """
    return evaluate_in(EvaluationContext.of(cases, resampler), probabilities, budgets)


def evaluate_in(context: EvaluationContext, probabilities: Mapping[str, Array], budgets: AlarmBudgets) -> Evaluation:
    """Evaluate as `evaluate` does, in a context that was computed before.

    Raises:
        DataError: a model's scores differ in number from the cases, or one isn't finite, or a budget is no budget.
    """
    cases = context.cases
    checked = {name: _checked(name, scores, len(cases.node)) for name, scores in probabilities.items()}
    if not all(0 < share <= 1 for share in budgets.shares):
        raise DataError(f"alarm shares {list(budgets.shares)}", fix="give shares above 0, and at most 1")
    if not all(rate > 0 for rate in budgets.rates):
        raise DataError(f"alarm rates {list(budgets.rates)}", fix="give rates above 0")
    budgets = budgets.within(cases.horizon)
    with threadpool_limits(limits=1):  # the products are small: threads wait for each other and double the time
        models = {name: _evaluate(context, scores, budgets) for name, scores in checked.items()}
    baseline = models.get(BASELINE)
    return Evaluation({name: _with_skill(evaluation, baseline) for name, evaluation in models.items()})


def _evaluate(context: EvaluationContext, probability: Array, budgets: AlarmBudgets) -> ModelEvaluation:
    label, kept = context.label, probability[context.kept]
    draws = row_draws(label, kept, context.bootstrap) if context.bootstrap else {}
    dropped = {f"dropped_{reason.replace(' ', '_')}": count for reason, count in context.cases.dropped.items()}
    counts = {"rows": len(kept), "unknown_or_dropped": len(probability) - len(kept), **dropped}
    figures = {name: Estimate(value, draws.get(name)) for name, value in row_values(label, kept).items()}
    of_shares = {
        share: share_figures(context, AlarmOutcome.of(context, probability, alarmed), draws.get(KEPT), budgets.notices)
        for share, alarmed in alarmed_rows(context.rows_by_time, probability, budgets.shares).items()
    }
    episodes = episode_rows(context.cases, context.rows_by_time, probability, budgets.rates)
    of_rates = {
        rate: rate_figures(
            context, AlarmOutcome.of_episodes(context, probability, begun), draws.get(KEPT), budgets.notices
        )
        for rate, begun in episodes.items()
    }
    return ModelEvaluation({**counts, **figures}, of_shares, of_rates, len(context.failures.start))


def _with_skill(evaluation: ModelEvaluation, baseline: ModelEvaluation | None) -> ModelEvaluation:
    skill = Estimate(None)
    brier, of_baseline = evaluation.measures["brier"], baseline.measures["brier"] if baseline else None
    if isinstance(brier, Estimate) and isinstance(of_baseline, Estimate):
        skill = brier.over(of_baseline).complement()
    return replace(evaluation, measures={**evaluation.measures, "brier_skill": skill})


def _checked(name: str, scores: Array, rows: int) -> Array:
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != (rows,):
        raise DataError(f"model {name}: scores of shape {scores.shape} for {rows} rows", fix="score every row once")
    wrong = np.flatnonzero(~np.isfinite(scores))
    if len(wrong):
        raise DataError(
            f"model {name}: score {scores[wrong[0]]} at row {wrong[0]}", fix="give every row a finite score"
        )
    return scores


def _look_up(table: Mapping[_Key, _Value], key: _Key, what: str) -> _Value:
    if key not in table:
        raise DataError(f"no {what} {key!r}; there is {', '.join(map(str, table))}", fix=f"request a {what} of these")
    return table[key]


def _to_json(measures: Mapping[str, int | Estimate]) -> dict[str, object]:
    return {name: value.to_json() if isinstance(value, Estimate) else value for name, value in measures.items()}
