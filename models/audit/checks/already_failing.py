"""Failures that had begun when the alarm came: catching them is detection, and not prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, EventKind
from features.grid import locate, to_times
from models.audit.finding import SHOWN, Finding, Severity, inconclusive
from models.audit.significance import LEVEL, at_least, judge, p_words
from models.evaluation.alarms import RowsByTime, alarmed_rows, earliest_warnings
from models.evaluation.evaluation_set import ScoringTimes, window_failures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.population.at_risk import Rows
    from models.evaluation.evaluation_set import EvaluationSet, Failures

NAME: Final = "failures under way at the alarm"
MEND: Final = "name forecast.coverage_metric, so that nodes that are not seen are unknown"


@dataclass(frozen=True, slots=True)
class _Caught:
    failures: Failures
    all_told: NDArray[np.datetime64]
    ahead: NDArray[np.datetime64]  # by alarms on nodes that were well

    @property
    def detected(self) -> NDArray[np.bool_]:
        return ~np.isnat(self.all_told) & np.isnat(self.ahead)


def under_way(cases: EvaluationSet, scores: NDArray[np.float64], is_ill: NDArray[np.bool_], share: float) -> Finding:
    """Count caught failures whose every alarm came when the node was ill already, beside what chance would give.

    `is_ill` tells of each row of the cases whether its node was silent, badly seen, or in an event that nobody had
    recorded yet. Chance: each caught failure is of the kind with the probability of any row at risk.
    """
    caught = _catch(cases, scores, is_ill, share)
    total, hits = len(caught.failures.start), int(np.count_nonzero(~np.isnat(caught.all_told)))
    if not hits:
        return inconclusive(NAME, f"none of {total:,} failures was caught")
    detected = int(np.count_nonzero(caught.detected))
    usual = float(is_ill.mean())
    p = at_least(detected, hits, usual)
    verdict = judge(p, detected / hits)
    return Finding(
        NAME,
        verdict,
        f"{hits:,} of {total:,} failures caught ({hits / total:.3f}) by alarms on {share:.1%} of the nodes: "
        f"{detected:,} detected, {hits - detected:,} predicted ({(hits - detected) / total:.3f}); "
        f"{usual:.2%} of all rows at risk are as ill, {p_words(p)} against {LEVEL:g}",
        p,
        LEVEL,
        tuple(_examples(cases, caught)) if verdict is not Severity.CLEAR else (),
        "" if verdict is Severity.CLEAR else MEND,
    )


def _catch(cases: EvaluationSet, scores: NDArray[np.float64], is_ill: NDArray[np.bool_], share: float) -> _Caught:
    line, failures = ScoringTimes.of(cases), window_failures(cases)
    alarmed = alarmed_rows(RowsByTime.of(cases, line), scores, (share,))[share]
    well = alarmed[~is_ill[alarmed]]
    return _Caught(
        failures,
        earliest_warnings(alarmed, failures, line, cases.horizon),
        earliest_warnings(well, failures, line, cases.horizon),
    )


def _examples(cases: EvaluationSet, caught: _Caught) -> list[str]:
    return [
        f"{cases.names[caught.failures.node[at]]}: alarm {np.datetime_as_string(caught.all_told[at], 'h')}, "
        f"failure {np.datetime_as_string(caught.failures.start[at], 'h')}"
        for at in np.flatnonzero(caught.detected)[:SHOWN]
    ]


def unrecorded(events: pl.DataFrame, rows: Rows) -> NDArray[np.bool_]:
    """Tell which rows lie inside a failure or maintenance that nobody had recorded by then."""
    own = events.filter(
        pl.col("kind").is_in([EventKind.FAILURE, EventKind.MAINTENANCE]) & (pl.col("recorded_at") > pl.col("start"))
    )
    until = own.select(pl.min_horizontal("recorded_at", pl.col("end").fill_null(pl.col("recorded_at"))))
    bounds = zip(
        locate(own[NODE], rows.names),
        np.searchsorted(rows.cutoffs, to_times(own["start"])),
        np.searchsorted(rows.cutoffs, to_times(until.to_series())),
        strict=True,
    )
    inside = np.zeros((len(rows.names), len(rows.cutoffs)), dtype=bool)
    for node, first, last in bounds:
        if node >= 0:
            inside[node, first:last] = True
    return np.asarray(inside[rows.node, rows.cutoff])


def badly_seen(counts: NDArray[np.float64], cutoff: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Tell which rows have fewer samples than a share of the median row of their time."""
    out = np.zeros(len(counts), dtype=bool)
    order = np.argsort(cutoff, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(cutoff[order])) + 1):
        if len(rows):
            out[rows] = counts[rows] < share * np.nanmedian(counts[rows])
    return out
