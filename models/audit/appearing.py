"""Columns that begin or end for the whole fleet: that a value is there tells the date, and not the node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import BUCKET_END, NODE, bucket_column
from models.audit.chance import LEVEL, MATTERS
from models.audit.finding import SHOWN, Finding, Verdict, untold

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "columns that begin or end for the whole fleet"
CONSTANT: Final = "columns that never change"


@dataclass(frozen=True, slots=True)
class _Change:
    metric: str
    words: str
    share: float  # of the nodes
    p: float


def beginning(buckets: pl.DataFrame, metrics: Sequence[str]) -> Finding:
    """Look for columns that nodes begin, or stop, to report all at once.

    `buckets` has node, bucket_end and each metric's n. Had its nodes reported the column as often before as after,
    with a share q of their m buckets before, there would be none of it with the chance (1 - q)^m.
    """
    if buckets.is_empty():
        return untold(NAME, "there is no telemetry")
    nodes = buckets[NODE].n_unique()
    changes = [change for metric in metrics for change in _changes(buckets, metric, nodes)]
    found = sorted((one for one in changes if one.p < LEVEL), key=lambda one: -one.share)
    share = found[0].share if found else 0.0
    verdict = Verdict.CLEAR if not found else Verdict.FOUND if share >= MATTERS else Verdict.SUSPICIOUS
    return Finding(
        NAME,
        verdict,
        f"{len({one.metric for one in found}):,} of {len(metrics):,} columns begin or end at nodes that reported other "
        f"ones before or after, up to {share:.0%} of all nodes; p < {LEVEL:g} each, found from {MATTERS:.0%} on",
        share,
        MATTERS,
        tuple(one.words for one in found[: 2 * SHOWN]),
        "start the history after they begin (forecast.history_start), or leave them out (metrics.ignore)"
        if found
        else "",
    )


def _changes(buckets: pl.DataFrame, metric: str, nodes: int) -> list[_Change]:
    has = pl.col(bucket_column(metric, "n")) > 0
    bounds = buckets.filter(has).select(low=pl.col(BUCKET_END).min(), high=pl.col(BUCKET_END).max()).row(0)
    if bounds[0] is None:
        return []
    sides = (("begins", pl.col(BUCKET_END) < bounds[0], bounds[0]), ("ends", pl.col(BUCKET_END) > bounds[1], bounds[1]))
    out = []
    for word, without, when in sides:
        outside = buckets.filter(without)
        own = buckets.filter(~without & pl.col(NODE).is_in(outside[NODE].unique().implode()))
        told = own.select(share=has.mean(), nodes=pl.col(NODE).filter(has).n_unique())
        share, affected = told.row(0)
        p = float(np.exp(outside.height * np.log1p(-min(share or 0.0, 1 - 1e-12))))
        out.append(_Change(metric, f"{metric} {word} {when:%Y-%m-%d} at {affected:,} nodes", affected / nodes, p))
    return out


def constant(ranges: dict[str, tuple[float | None, float | None]]) -> Finding:
    """List the columns that hold one value, or none: they can't mislead, nor help."""
    if not ranges:
        return untold(CONSTANT, "there is no telemetry")
    dead = [
        f"{name}: always {low:g}" if low is not None else f"{name}: no value"
        for name, (low, high) in ranges.items()
        if low == high
    ]
    return Finding(
        CONSTANT,
        Verdict.CLEAR,
        f"{len(dead):,} of {len(ranges):,} columns hold one value; it can't make a forecast look better",
        float(len(dead)),
        None,
        tuple(dead[:SHOWN]),
    )
