"""The protocol's judgement of forecasts, every figure with its interval, and paired ratios between models.

Values equal the reference implementation's to 1e-6 from the same scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from data.errors import DataError
from models.evaluation.alarm_budgets import budget_figures, outcome
from models.evaluation.alarms import alarmed_rows
from models.evaluation.context import FEWEST_FAILURES, set_up
from models.evaluation.lead_times import within
from models.evaluation.row_metrics import KEPT, row_draws, row_values
from models.metrics.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from models.evaluation.context import EvaluationContext
    from models.evaluation.evaluation_set import EvaluationSet
    from models.metrics.bootstrap import Resampler

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

BASELINE: Final = "base_rate"  # brier_skill is the gain over this one
TOO_FEW: Final = "too few failures"


@dataclass(frozen=True, slots=True)
class Budgets:
    """The shares of the nodes that alarms are raised on, and the notices that are asked of them, in hours."""

    shares: tuple[float, ...]
    lead_hours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Every measure of one model: counts are integers, the rest figures; budgets by share."""

    measures: Mapping[str, int | Estimate]
    budgets: Mapping[float, Mapping[str, int | Estimate]]
    failures: int

    def to_json(self) -> dict[str, object]:
        """Give the measures by their names in the protocol."""
        note = {"note": TOO_FEW} if self.failures < FEWEST_FAILURES else {}
        budgets = [{"alarm_share": share, **_plain(measures)} for share, measures in self.budgets.items()]
        return {**_plain(self.measures), "budgets": budgets, **note}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The judgements of several models on the same cases and resamples."""

    models: Mapping[str, Judgement]

    def to_json(self) -> dict[str, dict[str, object]]:
        """Give each model's measures, ready for JSON."""
        return {name: judgement.to_json() for name, judgement in self.models.items()}

    def figure(self, measure: str, model: str, share: float | None = None) -> Estimate:
        """Find one measure of a model, over all rows or at an alarm share.

        Raises:
            DataError: there is no such model, share or measure, or the measure is a count.
        """
        judgement = _find(self.models, model, "model")
        measures = judgement.measures if share is None else _find(judgement.budgets, share, "alarm share")
        found = _find(measures, measure, "measure")
        if not isinstance(found, Estimate):
            raise DataError(f"{measure} is a count and has no interval", fix="ask for the share or rate beside it")
        return found

    def ratio(self, measure: str, model: str, other: str, share: float | None = None) -> Estimate:
        """Divide a measure of one model by another's, with the paired interval."""
        return self.figure(measure, model, share).over(self.figure(measure, other, share))


def evaluate(
    cases: EvaluationSet,
    probabilities: Mapping[str, NDArray[np.float64]],
    shares: Sequence[float],
    resampler: Resampler,
    lead_hours: Sequence[int] = (),
) -> Evaluation:
    """Judge each model's probabilities, one for each row of the cases in their order.

    With `lead_hours`, each budget tells as well which share of the failures was caught so far ahead. Any finite
    score is accepted, so that a rule's raw value can be ranked; calibration then means little.

    Raises:
        DataError: a model's scores differ in number from the cases, or one isn't finite.
    """
    scores = {name: _checked(name, given, len(cases.node)) for name, given in probabilities.items()}
    if not all(0 < share <= 1 for share in shares):
        raise DataError(f"alarm shares {list(shares)}", fix="give shares above 0, and at most 1")
    bench, budgets = set_up(cases, resampler), Budgets(tuple(shares), within(lead_hours, cases.horizon_days))
    with threadpool_limits(limits=1):  # the products are small: threads wait for each other and double the time
        models = {name: _judge(bench, probability, budgets) for name, probability in scores.items()}
    baseline = models.get(BASELINE)
    return Evaluation({name: _with_skill(judgement, baseline) for name, judgement in models.items()})


def _judge(bench: EvaluationContext, probability: NDArray[np.float64], wanted: Budgets) -> Judgement:
    label, kept = bench.label, probability[bench.kept]
    draws = row_draws(label, kept, bench.strata) if bench.strata else {}
    counts = {"rows": len(kept), "unknown_or_dropped": len(probability) - len(kept)}
    figures = {name: Estimate(value, draws.get(name)) for name, value in row_values(label, kept).items()}
    budgets = {
        share: budget_figures(bench, outcome(bench, probability, rows), draws.get(KEPT), wanted.lead_hours)
        for share, rows in alarmed_rows(bench.roster, probability, wanted.shares).items()
    }
    return Judgement({**counts, **figures}, budgets, len(bench.failures.start))


def _with_skill(judgement: Judgement, baseline: Judgement | None) -> Judgement:
    skill = Estimate(None)
    own, base = judgement.measures["brier"], baseline.measures["brier"] if baseline else None
    if isinstance(own, Estimate) and isinstance(base, Estimate):
        skill = own.over(base).complement()
    return Judgement({**judgement.measures, "brier_skill": skill}, judgement.budgets, judgement.failures)


def _checked(name: str, given: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    scores = np.asarray(given, dtype=np.float64)
    if scores.shape != (rows,):
        raise DataError(f"model {name}: scores of shape {scores.shape} for {rows} rows", fix="score every row once")
    wrong = np.flatnonzero(~np.isfinite(scores))
    if len(wrong):
        raise DataError(
            f"model {name}: score {scores[wrong[0]]} at row {wrong[0]}", fix="give every row a finite score"
        )
    return scores


def _find(table: Mapping[_Key, _Value], key: _Key, what: str) -> _Value:
    if key not in table:
        raise DataError(
            f"no {what} {key!r}; there is {', '.join(map(str, table))}", fix=f"ask for a {what} that is there"
        )
    return table[key]


def _plain(measures: Mapping[str, int | Estimate]) -> dict[str, object]:
    return {name: value.to_json() if isinstance(value, Estimate) else value for name, value in measures.items()}


MODEL = "model"
RANKING = "pr_auc"
