"""Failures of nodes that had no work: often reboots by hand, and never worth a drain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from features.grid import days
from models.audit.finding import Finding, Severity, inconclusive
from models.audit.significance import LEVEL, at_least, p_words
from models.evaluation.evaluation_set import window_failures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluation.evaluation_set import EvaluationSet

NAME: Final = "failures of idle nodes"
MOST: Final = 0.5  # of the failures: beyond that, what is forecast is mostly idle nodes
MEND: Final = (
    "see whether they are reboots by hand, and record those as maintenance; "
    "judge by the failures of nodes at work, which the report sets apart"
)


def of_idle_nodes(cases: EvaluationSet, idle: NDArray[np.float64] | None) -> Finding:
    """Count the failures whose node was idle at the last forecast within the horizon before, beside all rows at risk.

    `idle`: of each row of the cases, 1 where its node had no work, 0 where it had, NaN where nobody knows.
    Chance: each node's first failure in the window strikes an idle node with the probability of any row (binomial).
    """
    if idle is None:
        return inconclusive(NAME, "no metric says below which value a node is idle (metrics.columns.<name>.idle_below)")
    struck = _before(cases, idle)
    if struck.is_empty():
        return inconclusive(NAME, "of no failure is it known whether its node had work")
    usual, hits = float(np.nanmean(idle)), int(struck["idle"].sum())
    first = struck.unique("node", keep="first", maintain_order=True)["idle"]
    share, p = hits / len(struck), at_least(int(first.sum()), len(first), usual)
    verdict = Severity.CLEAR if p >= LEVEL else Severity.FOUND if share >= MOST else Severity.SUSPICIOUS
    return Finding(
        NAME,
        verdict,
        f"{hits:,} of {len(struck):,} failures ({share:.0%}) struck nodes that were idle at the last forecast before, "
        f"found from {MOST:.0%} on; {usual:.1%} of all rows at risk are idle, {p_words(p)} against {LEVEL:g} for each "
        "node's first failure",
        p,
        LEVEL,
        mend="" if verdict is Severity.CLEAR else MEND,
    )


def _before(cases: EvaluationSet, idle: NDArray[np.float64]) -> pl.DataFrame:
    """Give the node, start and idleness of each failure of the window for which it is known, by start."""
    failures = window_failures(cases)
    rows = pl.DataFrame({"node": cases.node, "ts": cases.ts, "idle": idle}).sort("ts")
    told = pl.DataFrame({"node": failures.node, "start": failures.start}).sort("start")
    told = told.with_columns(before=pl.col("start") - pl.duration(microseconds=1))
    horizon = days(cases.horizon_days).astype(object)
    joined = told.join_asof(rows, left_on="before", right_on="ts", by="node", tolerance=horizon, check_sortedness=False)
    return joined.filter(pl.col("idle").is_not_nan()).drop_nulls("idle")
