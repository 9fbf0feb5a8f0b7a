"""The protocol's evaluation of forecasts, every figure with its interval, and paired ratios between models.

Values equal the reference implementation's to 1e-6 from the same scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from data.errors import DataError
from models.evaluation.alarm_budgets import AlarmOutcome, budget_figures
from models.evaluation.alarms import alarmed_rows
from models.evaluation.context import FEWEST_FAILURES, EvaluationContext
from models.evaluation.lead_times import notice_within
from models.evaluation.row_metrics import KEPT, row_draws, row_values
from models.metrics.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from features.grid import Array
    from models.evaluation.evaluation_set import EvaluationSet
    from models.metrics.bootstrap import Resampler

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MODEL: Final = "model"
RANKING: Final = "pr_auc"  # the measure that models are ranked by
BASELINE: Final = "base_rate"  # brier_skill is the gain over this one
TOO_FEW: Final = "too few failures"


@dataclass(frozen=True, slots=True)
class AlarmBudgets:
    """The shares of the nodes that alarms are raised on, and the hours of notice that failures are counted by."""

    shares: tuple[float, ...]
    lead_hours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """Every measure of one model: counts are integers, the rest figures; budgets by share."""

    measures: Mapping[str, int | Estimate]
    budgets: Mapping[float, Mapping[str, int | Estimate]]
    failures: int

    def to_json(self) -> dict[str, object]:
        """Return the measures by their names in the protocol."""
        note = {"note": TOO_FEW} if self.failures < FEWEST_FAILURES else {}
        budgets = [{"alarm_share": share, **_to_json(measures)} for share, measures in self.budgets.items()]
        return {**_to_json(self.measures), "budgets": budgets, **note}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluations of several models on the same cases and resamples."""

    models: Mapping[str, ModelEvaluation]

    def to_json(self) -> dict[str, dict[str, object]]:
        """Return each model's measures, ready for JSON."""
        return {name: evaluation.to_json() for name, evaluation in self.models.items()}

    def figure(self, measure: str, model: str, share: float | None = None) -> Estimate:
        """Return one measure of a model, over all rows or at an alarm share.

        Raises:
            DataError: there is no such model, share or measure, or the measure is a count.
        """
        evaluation = _look_up(self.models, model, "model")
        measures = evaluation.measures if share is None else _look_up(evaluation.budgets, share, "alarm share")
        figure = _look_up(measures, measure, "measure")
        if not isinstance(figure, Estimate):
            raise DataError(f"{measure} is a count and has no interval", fix="request the share or the rate of it")
        return figure

    def ratio(self, measure: str, model: str, baseline: str, share: float | None = None) -> Estimate:
        """Divide a measure of one model by that of another, with the paired interval."""
        return self.figure(measure, model, share).over(self.figure(measure, baseline, share))


def evaluate(
    cases: EvaluationSet,
    probabilities: Mapping[str, Array],
    shares: Sequence[float],
    resampler: Resampler,
    lead_hours: Sequence[int] = (),
) -> Evaluation:
    """Evaluate each model's probabilities, one for each row of the cases in their order.

    With `lead_hours`, each budget also has the share of the failures that was caught so far ahead. Any finite
    score is accepted, so that a rule's raw value can be ranked; calibration then means little.

    Raises:
        DataError: a model's scores differ in number from the cases, or one isn't finite.
    """
    checked = {name: _checked(name, scores, len(cases.node)) for name, scores in probabilities.items()}
    if not all(0 < share <= 1 for share in shares):
        raise DataError(f"alarm shares {list(shares)}", fix="give shares above 0, and at most 1")
    context = EvaluationContext.of(cases, resampler)
    budgets = AlarmBudgets(tuple(shares), notice_within(lead_hours, cases.horizon_days))
    with threadpool_limits(limits=1):  # the products are small: threads wait for each other and double the time
        models = {name: _evaluate(context, scores, budgets) for name, scores in checked.items()}
    baseline = models.get(BASELINE)
    return Evaluation({name: _with_skill(evaluation, baseline) for name, evaluation in models.items()})


def _evaluate(context: EvaluationContext, probability: Array, budgets: AlarmBudgets) -> ModelEvaluation:
    label, kept = context.label, probability[context.kept]
    draws = row_draws(label, kept, context.bootstrap) if context.bootstrap else {}
    counts = {"rows": len(kept), "unknown_or_dropped": len(probability) - len(kept)}
    figures = {name: Estimate(value, draws.get(name)) for name, value in row_values(label, kept).items()}
    of_budgets = {
        share: budget_figures(
            context, AlarmOutcome.of(context, probability, alarmed), draws.get(KEPT), budgets.lead_hours
        )
        for share, alarmed in alarmed_rows(context.rows_by_time, probability, budgets.shares).items()
    }
    return ModelEvaluation({**counts, **figures}, of_budgets, len(context.failures.start))


def _with_skill(evaluation: ModelEvaluation, baseline: ModelEvaluation | None) -> ModelEvaluation:
    skill = Estimate(None)
    brier, of_baseline = evaluation.measures["brier"], baseline.measures["brier"] if baseline else None
    if isinstance(brier, Estimate) and isinstance(of_baseline, Estimate):
        skill = brier.over(of_baseline).complement()
    return ModelEvaluation({**evaluation.measures, "brier_skill": skill}, evaluation.budgets, evaluation.failures)


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
