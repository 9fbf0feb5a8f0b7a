"""What the report shows of one horizon, worked out once from the same cases and resamples as the judgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.backtest.replay import label_cases
from models.evaluation.alarm_budgets import AlarmOutcome
from models.evaluation.alarm_episodes import AlarmHistory, alarm_history
from models.evaluation.alarms import alarmed_rows
from models.evaluation.budget_curve import BUDGETS, BudgetCurve, budget_curve
from models.evaluation.context import EvaluationContext
from models.evaluation.evaluate import MODEL
from models.evaluation.lead_times import LeadTimes, lead_times
from models.evaluation.reliability_diagram import ReliabilityBin, reliability_diagram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from data.view import View
    from models.backtest.result import Backtest
    from models.evaluation.evaluate import Evaluation


@dataclass(frozen=True, slots=True)
class Study:
    """One horizon under one alarm budget: the judgement, and what stands behind it."""

    horizon_days: float
    share: float
    evaluation: Evaluation
    tradeoff: BudgetCurve
    bins: tuple[ReliabilityBin, ...]
    leads: LeadTimes
    story: AlarmHistory
    node: NDArray[np.int32]  # of the rows that the story speaks of
    ts: NDArray[np.datetime64]
    label: NDArray[np.float64]  # NaN: dropped
    probability: NDArray[np.float64]
    alarmed: NDArray[np.intp]  # the rows that an alarm is raised on

    @property
    def rivals(self) -> tuple[str, ...]:
        """Name the baselines that are judged beside the model."""
        return tuple(name for name in self.evaluation.models if name != MODEL)


def study(found: Backtest, hindsight: View, horizon_days: float) -> Study:
    """Look closely at one horizon under the budget that people are shown."""
    cases = label_cases(found.replay, hindsight, horizon_days)
    _, probabilities = found.replay.of_horizon(horizon_days)
    context, own, share = EvaluationContext.of(cases, found.resampler), probabilities[MODEL], found.middle_share
    alarmed = alarmed_rows(context.rows_by_time, own, [share])[share]
    outcome = AlarmOutcome.of(context, own, alarmed)
    return Study(
        horizon_days,
        share,
        found.evaluations[horizon_days],
        budget_curve(context, probabilities, (*BUDGETS, *found.alarm_shares)),
        reliability_diagram(context, own),
        lead_times(context, outcome.lead_hours),
        alarm_history(context, own, outcome),
        cases.node,
        cases.ts,
        cases.label,
        own,
        alarmed,
    )
