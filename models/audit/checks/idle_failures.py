"""Failures of nodes that had no work: often reboots by hand, and never worth a drain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from features.grid import to_step
from models.audit.finding import Finding, Severity, inconclusive
from models.audit.significance import LEVEL, binomial_p_value, format_p
from models.evaluation.evaluation_set import window_failures

if TYPE_CHECKING:
    from features.grid import Array
    from models.evaluation.evaluation_set import EvaluationSet

NAME: Final = "failures of idle nodes"
HALF: Final = 0.5  # of the failures: from there on, most of what is forecast are failures of idle nodes
FIX: Final = (
    "see whether they are reboots by hand, and record those as maintenance; "
    "evaluate by the failures of nodes at work, which the report lists separately"
)


def check(cases: EvaluationSet, idle: Array | None) -> Finding:
    """Count the failures whose node was idle at the last forecast within the horizon before, against all rows at risk.

    `idle`: of each row of the cases, 1 where its node had no work, 0 where it had, NaN where this is unknown.
    Chance: each node's first failure in the window is that of an idle node with the probability of any row (binomial).
    """
    if idle is None:
        return inconclusive(
            NAME, "no metric defines below which value a node is idle (metrics.columns.<name>.idle_below)"
        )
    failures = _idle_before(cases, idle)
    if failures.is_empty():
        return inconclusive(NAME, "for no failure is it known whether its node had work")
    usual, hits = float(np.nanmean(idle)), int(failures["idle"].sum())
    first = failures.unique("node", keep="first", maintain_order=True)["idle"]
    share, p = hits / len(failures), binomial_p_value(int(first.sum()), len(first), usual)
    verdict = Severity.CLEAR if p >= LEVEL else Severity.FOUND if share >= HALF else Severity.SUSPICIOUS
    return Finding(
        NAME,
        verdict,
        f"{hits:,} of {len(failures):,} failures ({share:.0%}) hit nodes that were idle at the last forecast before, "
        f"reported as 'found' from {HALF:.0%}; {usual:.1%} of all rows at risk are idle, {format_p(p)} against "
        f"{LEVEL:g} for each node's first failure",
        p,
        LEVEL,
        fix="" if verdict is Severity.CLEAR else FIX,
    )


def _idle_before(cases: EvaluationSet, idle: Array) -> pl.DataFrame:
    """Return node, start and idleness of each failure of the window for which it is known, by start."""
    window = window_failures(cases)
    rows = pl.DataFrame({"node": cases.node, "ts": cases.ts, "idle": idle}).sort("ts")
    failures = pl.DataFrame({"node": window.node, "start": window.start}).sort("start")
    failures = failures.with_columns(before=pl.col("start") - pl.duration(microseconds=1))
    horizon = to_step(cases.horizon).astype(object)
    joined = failures.join_asof(
        rows, left_on="before", right_on="ts", by="node", tolerance=horizon, check_sortedness=False
    )
    return joined.filter(pl.col("idle").is_not_nan()).drop_nulls("idle")
