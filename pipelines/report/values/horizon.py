"""Collects what the report shows of one horizon, from the same cases and resamples as the evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.backtest.replay import label_cases
from models.evaluation.alarm_budgets import AlarmOutcome
from models.evaluation.alarm_episodes import AlarmHistory, alarm_history
from models.evaluation.alarm_rates import episode_rows
from models.evaluation.budget_curve import BudgetCurve, budget_curve, rates_around
from models.evaluation.context import EvaluationContext
from models.evaluation.evaluate import MODEL
from models.evaluation.lead_times import LeadTimes, lead_times
from models.evaluation.reliability_diagram import ReliabilityBin, reliability_diagram

if TYPE_CHECKING:
    from datetime import timedelta

    import numpy as np
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array, Times
    from models.backtest.result import Backtest
    from models.evaluation.evaluate import Evaluation


@dataclass(frozen=True, slots=True)
class HorizonStudy:
    """One horizon at one alarm rate: the evaluation, the curves, and the rows of the model behind them."""

    horizon: timedelta
    rate: float  # of alarm episodes, per node and day
    evaluation: Evaluation
    budget_curve: BudgetCurve
    bins: tuple[ReliabilityBin, ...]
    leads: LeadTimes
    history: AlarmHistory
    node: NDArray[np.int32]  # of each row; this and the next three are in the order of the history's rows
    ts: Times
    label: Array  # NaN: dropped
    probability: Array
    alarmed_rows: NDArray[np.intp]

    @property
    def baselines(self) -> tuple[str, ...]:
        """The names of the baselines that were evaluated with the model."""
        return tuple(name for name in self.evaluation.models if name != MODEL)


def study_horizon(backtest: Backtest, hindsight: View, horizon: timedelta) -> HorizonStudy:
    """Return the study of one horizon at the backtest's alarm rate in the middle."""
    cases = label_cases(backtest.replay, hindsight, horizon)
    _, probabilities = backtest.replay.of_horizon(horizon)
    context, budgets = EvaluationContext.of(cases, backtest.resampler), backtest.budgets
    rate = budgets.headline_rate
    probability = probabilities[MODEL]
    begun = episode_rows(cases, context.rows_by_time, probability, [rate])[rate]
    outcome = AlarmOutcome.of_episodes(context, probability, begun)
    return HorizonStudy(
        horizon,
        rate,
        backtest.evaluations[horizon],
        budget_curve(context, probabilities, rates_around(rate, budgets.rates)),
        reliability_diagram(context, probability),
        lead_times(context, outcome.lead_hours),
        alarm_history(context, probability, outcome),
        cases.node,
        cases.ts,
        cases.label,
        probability,
        begun,
    )
