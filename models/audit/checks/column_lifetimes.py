"""Columns that begin or end for the whole fleet: that a value is there tells the date, and not the node."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import BUCKET_END, NODE, bucket_column
from features.grid import to_times
from models.audit.finding import SHOWN, Finding, Severity, inconclusive
from models.audit.significance import LEVEL, MATTERS, at_least

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from data.schema import Metric

NAME: Final = "columns that begin or end for the whole fleet"
CONSTANT: Final = "columns that never change"
WEEK: Final = np.timedelta64(7, "D")
APART: Final = timedelta(days=30)  # between a node's first value of anything and the column's: sooner is a gap


@dataclass(frozen=True, slots=True)
class _Change:
    words: str
    share: float  # of the nodes that were there
    p: float


def beginning(buckets: pl.DataFrame, metrics: Sequence[Metric]) -> Finding:
    """Look for columns that nodes begin, or stop, to report all in one week.

    `buckets` has node, bucket_end and each metric's n. Counted are the nodes that reported others for 30 days before
    or after; had each of them changed at a time of its own, the fullest week would hold a binomial number of them.
    """
    if buckets.is_empty():
        return inconclusive(NAME, "there is no telemetry")
    spans = buckets.group_by(NODE).agg(low=pl.col(BUCKET_END).min(), high=pl.col(BUCKET_END).max())
    changes = [change for metric in metrics for change in _changes(buckets, spans, metric)]
    found = sorted((one for one in changes if one.p < LEVEL), key=lambda one: -one.share)
    share = found[0].share if found else 0.0
    verdict = Severity.CLEAR if not found else Severity.FOUND if share >= MATTERS else Severity.SUSPICIOUS
    columns = {one.words.split()[0] for one in found}
    return Finding(
        NAME,
        verdict,
        f"{len(columns):,} of {len(metrics):,} columns begin or end in one week, at up to "
        f"{share:.0%} of the nodes that reported others long before or after; p < {LEVEL:g} each, found from "
        f"{MATTERS:.0%} on",
        share,
        MATTERS,
        tuple(one.words for one in found[: 2 * SHOWN]),
        "start the history after they begin (forecast.history_start), or leave them out (metrics.ignore)"
        if found
        else "",
    )


def _changes(buckets: pl.DataFrame, spans: pl.DataFrame, metric: Metric) -> Iterator[_Change]:
    own = buckets.filter(pl.col(bucket_column(metric.name, "n")) > 0).group_by(NODE)
    told = spans.join(own.agg(begins=pl.col(BUCKET_END).min(), ends=pl.col(BUCKET_END).max()), on=NODE)
    begins = told.filter(pl.col("begins") - pl.col("low") > APART)["begins"].sort()
    ends = told.filter(pl.col("high") - pl.col("ends") > APART)["ends"].sort()
    for word, moments in (("begins", begins), ("ends", ends)):
        if len(moments) and (word == "begins" or metric.sampling == "sampled"):  # what no longer changes has not ended
            yield _fullest_week(f"{metric.name} {word}", moments, spans)


def _fullest_week(what: str, moments: pl.Series, spans: pl.DataFrame) -> _Change:
    at, low, high = to_times(moments), to_times(spans["low"]), to_times(spans["high"])
    count = np.searchsorted(at, at + WEEK) - np.arange(len(at))
    best = int(np.argmax(count))
    when, hits = at[best], int(count[best])
    there = int(np.count_nonzero((low < when) & (high > when)))
    weeks = max(float((high.max() - low.min()) / WEEK), 1.0)
    p = at_least(hits, len(at), 1 / weeks) * weeks
    return _Change(
        f"{what} {np.datetime_as_string(when, 'D')} at {hits:,} of {there:,} nodes", hits / max(there, 1), min(p, 1.0)
    )


def constant(ranges: dict[str, tuple[float | None, float | None]]) -> Finding:
    """List the columns that hold one value, or none: they can't mislead, nor help."""
    if not ranges:
        return inconclusive(CONSTANT, "there is no telemetry")
    dead = [
        f"{name}: always {low:g}" if low is not None else f"{name}: no value"
        for name, (low, high) in ranges.items()
        if low == high
    ]
    return Finding(
        CONSTANT,
        Severity.CLEAR,
        f"{len(dead):,} of {len(ranges):,} columns hold one value; it can't make a forecast look better",
        float(len(dead)),
        None,
        tuple(dead[:SHOWN]),
    )
