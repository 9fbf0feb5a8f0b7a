"""Failures that had begun when the alarm came: catching them is detection, and not prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, EventKind
from features.grid import locate, to_times
from models.audit.finding import MOST_EXAMPLES, Finding, Severity, inconclusive
from models.audit.significance import LEVEL, binomial_p_value, format_p, severity
from models.evaluation.alarm_rates import episode_rows
from models.evaluation.alarms import RowsByTime, earliest_warnings
from models.evaluation.evaluation_set import ScoringTimes, window_failures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Array, Index, Times
    from features.population.at_risk import Rows
    from models.evaluation.evaluation_set import EvaluationSet, Failures

NAME: Final = "failures under way at the alarm"
FIX: Final = "name forecast.coverage_metric, so that nodes that are not reporting are unknown"


@dataclass(frozen=True, slots=True)
class _Warnings:
    """The first alarm before each failure: of all alarms, and of those on nodes that were not degraded."""

    failures: Failures
    first: Times
    first_on_healthy: Times

    @property
    def is_caught(self) -> NDArray[np.bool_]:
        return ~np.isnat(self.first)

    @property
    def is_detected(self) -> NDArray[np.bool_]:
        return self.is_caught & np.isnat(self.first_on_healthy)


def check(cases: EvaluationSet, scores: Array, is_degraded: NDArray[np.bool_], rate: float) -> Finding:
    """Count caught failures all of whose alarms came when the node was degraded already, against chance.

    `is_degraded` marks the rows of the cases whose node was not reporting, sent too few samples, or was in an event
    that was not recorded yet. Chance: each caught failure is of this kind with the probability of any row at risk.
    """
    warnings = _warnings(cases, scores, is_degraded, rate)
    total, caught = len(warnings.failures.start), int(np.count_nonzero(warnings.is_caught))
    if not caught:
        return inconclusive(NAME, f"none of {total:,} failures was caught")
    detected = int(np.count_nonzero(warnings.is_detected))
    usual = float(is_degraded.mean())
    p = binomial_p_value(detected, caught, usual)
    verdict = severity(p, detected / caught)
    return Finding(
        NAME,
        verdict,
        f"{caught:,} of {total:,} failures caught ({caught / total:.3f}) "
        f"by alarms at {rate:g} per node and day: "
        f"{detected:,} detected, {caught - detected:,} predicted ({(caught - detected) / total:.3f}); "
        f"{usual:.2%} of all rows at risk are as degraded, {format_p(p)} against {LEVEL:g}",
        p,
        LEVEL,
        tuple(_examples(cases, warnings)) if verdict is not Severity.CLEAR else (),
        "" if verdict is Severity.CLEAR else FIX,
    )


def _warnings(cases: EvaluationSet, scores: Array, is_degraded: NDArray[np.bool_], rate: float) -> _Warnings:
    scoring_times, failures = ScoringTimes.of(cases), window_failures(cases)
    alarmed = episode_rows(cases, RowsByTime.of(cases, scoring_times), scores, (rate,))[rate]
    healthy = alarmed[~is_degraded[alarmed]]
    return _Warnings(
        failures,
        earliest_warnings(alarmed, failures, scoring_times, cases.horizon_step),
        earliest_warnings(healthy, failures, scoring_times, cases.horizon_step),
    )


def _examples(cases: EvaluationSet, warnings: _Warnings) -> list[str]:
    return [
        f"{cases.names[warnings.failures.node[failure]]}: alarm {np.datetime_as_string(warnings.first[failure], 'm')}, "
        f"failure {np.datetime_as_string(warnings.failures.start[failure], 'm')}"
        for failure in np.flatnonzero(warnings.is_detected)[:MOST_EXAMPLES]
    ]


def in_unrecorded_event(events: pl.DataFrame, rows: Rows) -> NDArray[np.bool_]:
    """Mark the rows inside a failure or maintenance that was not recorded by then."""
    late = events.filter(
        pl.col("kind").is_in([EventKind.FAILURE, EventKind.MAINTENANCE]) & (pl.col("recorded_at") > pl.col("start"))
    )
    until = late.select(pl.min_horizontal("recorded_at", pl.col("end").fill_null(pl.col("recorded_at"))))
    bounds = zip(
        locate(late[NODE], rows.names),
        np.searchsorted(rows.cutoffs, to_times(late["start"])),
        np.searchsorted(rows.cutoffs, to_times(until.to_series())),
        strict=True,
    )
    is_inside = np.zeros((len(rows.names), len(rows.cutoffs)), dtype=bool)
    for node, first, last in bounds:
        if node >= 0:
            is_inside[node, first:last] = True
    return np.asarray(is_inside[rows.node, rows.cutoff])


def has_few_samples(counts: Array, cutoff: Index, share: float) -> NDArray[np.bool_]:
    """Mark the rows that have fewer samples than a share of the median row of their time."""
    is_few = np.zeros(len(counts), dtype=bool)
    order = np.argsort(cutoff, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(cutoff[order])) + 1):
        if len(rows):
            is_few[rows] = counts[rows] < share * np.nanmedian(counts[rows])
    return is_few
