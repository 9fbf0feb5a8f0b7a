"""What happened to each node under one budget: which alarms were raised on it, and which failures they preceded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluation.alarm_budgets import Outcome
    from models.evaluation.context import EvaluationContext

NEVER_AT_RISK = -1


@dataclass(frozen=True, slots=True)
class AlarmEpisodes:
    """Alarm episodes: whose, from the first alarm to the last, how sure, and whether a failure followed."""

    node: NDArray[np.int32]
    first: NDArray[np.datetime64]
    last: NDArray[np.datetime64]
    alarms: NDArray[np.int64]
    peak_row: NDArray[np.intp]  # the alarm with the highest probability
    label: NDArray[np.float64]  # 1 a failure followed, 0 none did, NaN it can't be told


@dataclass(frozen=True, slots=True)
class FailureOutcomes:
    """The window's failures: whose, when, with how much notice, and the row that came closest to an alarm."""

    node: NDArray[np.int32]
    start: NDArray[np.datetime64]
    lead_hours: NDArray[np.float64]  # NaN where it was missed
    peak_row: NDArray[np.intp]  # the highest probability within the horizon; NEVER_AT_RISK where there is none


@dataclass(frozen=True, slots=True)
class AlarmHistory:
    """Alarm episodes and failures of one model at one budget."""

    names: tuple[str, ...]
    spans: AlarmEpisodes
    struck: FailureOutcomes
    rank: NDArray[np.int64]  # of each row among its time's, 1 the riskiest
    of: NDArray[np.int64]  # rows at that time


def tell(bench: EvaluationContext, probability: NDArray[np.float64], result: Outcome) -> AlarmHistory:
    """Put alarms and failures side by side."""
    rank, size = _ranks(bench, probability)
    return AlarmHistory(bench.cases.names, _spans(bench, result), _struck(bench, probability, result), rank, size)


def _spans(bench: EvaluationContext, result: Outcome) -> AlarmEpisodes:
    opens, cases = np.searchsorted(result.rows, result.episodes.first_row), bench.cases
    ends = np.append(opens[1:], len(result.rows))[: len(opens)]
    peaks = [
        result.rows[begin + np.argmax(result.probability[begin:end])] for begin, end in zip(opens, ends, strict=True)
    ]
    return AlarmEpisodes(
        cases.node[result.episodes.first_row],
        cases.ts[result.episodes.first_row],
        cases.ts[result.rows[ends - 1]] if len(ends) else cases.ts[:0],
        ends - opens,
        np.array(peaks, dtype=np.intp),
        result.episodes.label,
    )


def _struck(bench: EvaluationContext, probability: NDArray[np.float64], result: Outcome) -> FailureOutcomes:
    failures, line, cases = bench.failures, bench.line, bench.cases
    base = failures.node.astype(np.int64) * len(line.times)
    begin, end = (
        np.searchsorted(line.key, base + np.searchsorted(line.times, moment))
        for moment in (failures.start - cases.horizon, failures.start)
    )
    peaks = [
        low + int(np.argmax(probability[low:high])) if node >= 0 and high > low else NEVER_AT_RISK
        for node, low, high in zip(failures.node, begin, end, strict=True)
    ]
    return FailureOutcomes(failures.node, failures.start, result.lead_hours, np.array(peaks, dtype=np.intp))


def _ranks(bench: EvaluationContext, probability: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rank the rows of each time by falling probability."""
    step = bench.line.step
    order = np.lexsort((-probability, step))
    rank = np.empty(len(step), dtype=np.int64)
    rank[order] = 1 + np.arange(len(step)) - np.searchsorted(step[order], step[order])
    return rank, bench.roster.size[step]
