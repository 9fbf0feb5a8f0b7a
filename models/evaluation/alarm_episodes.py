"""What happened to each node under one budget: which alarms were raised on it, and which failures they preceded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Array, Index, Times
    from models.evaluation.alarm_budgets import AlarmOutcome
    from models.evaluation.context import EvaluationContext

NEVER_AT_RISK = -1


@dataclass(frozen=True, slots=True)
class AlarmEpisodes:
    """Alarm episodes: the node, the first and the last alarm, their highest probability, and what followed."""

    node: NDArray[np.int32]
    first: Times
    last: Times
    alarms: Index
    peak_row: NDArray[np.intp]  # the alarm with the highest probability
    label: Array  # 1: a failure followed; 0: none did; NaN: unknown


@dataclass(frozen=True, slots=True)
class FailureOutcomes:
    """The window's failures: the node, the start, the lead time, and the row that came closest to an alarm."""

    node: NDArray[np.int32]
    start: Times
    lead_hours: Array  # NaN where it was missed
    peak_row: NDArray[np.intp]  # the highest probability within the horizon; NEVER_AT_RISK where there is none


@dataclass(frozen=True, slots=True)
class AlarmHistory:
    """Alarm episodes and failures of one model at one budget."""

    names: tuple[str, ...]
    episodes: AlarmEpisodes
    failures: FailureOutcomes
    rank: Index  # of each row among those of its time, 1 the riskiest
    at_risk: Index  # rows at the time of each row


def alarm_history(context: EvaluationContext, probability: Array, outcome: AlarmOutcome) -> AlarmHistory:
    """Lay out the alarms of a budget and the failures of the window, node by node."""
    rank, at_risk = _ranks(context, probability)
    return AlarmHistory(
        context.cases.names, _episodes(context, outcome), _failures(context, probability, outcome), rank, at_risk
    )


def _episodes(context: EvaluationContext, outcome: AlarmOutcome) -> AlarmEpisodes:
    begins, cases = np.searchsorted(outcome.rows, outcome.episodes.first_row), context.cases
    ends = np.append(begins[1:], len(outcome.rows))[: len(begins)]
    peaks = [
        outcome.rows[begin + np.argmax(outcome.probability[begin:end])] for begin, end in zip(begins, ends, strict=True)
    ]
    return AlarmEpisodes(
        cases.node[outcome.episodes.first_row],
        cases.ts[outcome.episodes.first_row],
        cases.ts[outcome.rows[ends - 1]] if len(ends) else cases.ts[:0],
        ends - begins,
        np.array(peaks, dtype=np.intp),
        outcome.episodes.label,
    )


def _failures(context: EvaluationContext, probability: Array, outcome: AlarmOutcome) -> FailureOutcomes:
    failures, scoring_times, horizon = context.failures, context.scoring_times, context.cases.horizon_step
    base = failures.node.astype(np.int64) * len(scoring_times.distinct)
    begin, end = (
        np.searchsorted(scoring_times.key, base + np.searchsorted(scoring_times.distinct, bound))
        for bound in (failures.start - horizon, failures.start)
    )
    peaks = [
        low + int(np.argmax(probability[low:high])) if node >= 0 and high > low else NEVER_AT_RISK
        for node, low, high in zip(failures.node, begin, end, strict=True)
    ]
    return FailureOutcomes(failures.node, failures.start, outcome.lead_hours, np.array(peaks, dtype=np.intp))


def _ranks(context: EvaluationContext, probability: Array) -> tuple[Index, Index]:
    """Rank the rows of each time by falling probability; and count the rows of each row's time."""
    time = context.scoring_times.of_row
    order = np.lexsort((-probability, time))
    rank = np.empty(len(time), dtype=np.int64)
    rank[order] = 1 + np.arange(len(time)) - np.searchsorted(time[order], time[order])
    return rank, np.bincount(time)[time]
