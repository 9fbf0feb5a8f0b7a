"""Columns that begin or end for the whole fleet: that they have a value reveals the date, and not the node's state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import BUCKET_END, NODE, bucket_column
from features.grid import to_times
from models.audit.finding import MOST_EXAMPLES, Finding, Severity, inconclusive
from models.audit.significance import LEVEL, RELEVANT_SHARE, binomial_p_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from data.schema import Metric

NAME: Final = "columns that begin or end for the whole fleet"
CONSTANT: Final = "columns that never change"
WEEK: Final = np.timedelta64(7, "D")
APART: Final = timedelta(days=30)  # between a node's first value of anything and the column's: less is a gap
FIX: Final = "start the history after they begin (forecast.history_start), or leave them out (metrics.ignore)"


@dataclass(frozen=True, slots=True)
class _Change:
    words: str
    share: float  # of the nodes that were reporting
    p: float


def check_lifetimes(buckets: pl.DataFrame, metrics: Sequence[Metric]) -> Finding:
    """Look for columns that many nodes begin, or stop, to report in one week.

    `buckets` has node, bucket_end and each metric's n. Counted are the nodes that reported other columns for 30 days
    before or after; had each of them changed at a different time, the fullest week would hold a binomial number.
    """
    if buckets.is_empty():
        return inconclusive(NAME, "there is no telemetry")
    spans = buckets.group_by(NODE).agg(first=pl.col(BUCKET_END).min(), last=pl.col(BUCKET_END).max())
    every = [change for metric in metrics for change in _changes(buckets, spans, metric)]
    changes = sorted((change for change in every if change.p < LEVEL), key=lambda change: -change.share)
    share = changes[0].share if changes else 0.0
    verdict = Severity.CLEAR if not changes else Severity.FOUND if share >= RELEVANT_SHARE else Severity.SUSPICIOUS
    columns = {change.words.split()[0] for change in changes}
    return Finding(
        NAME,
        verdict,
        f"{len(columns):,} of {len(metrics):,} columns begin or end in one week, at up to "
        f"{share:.0%} of the nodes that reported others long before or after; p < {LEVEL:g} each, reported "
        f"as 'found' from {RELEVANT_SHARE:.0%}",
        share,
        RELEVANT_SHARE,
        tuple(change.words for change in changes[: 2 * MOST_EXAMPLES]),
        FIX if changes else "",
    )


def _changes(buckets: pl.DataFrame, spans: pl.DataFrame, metric: Metric) -> Iterator[_Change]:
    with_value = buckets.filter(pl.col(bucket_column(metric.name, "n")) > 0).group_by(NODE)
    joined = spans.join(with_value.agg(begins=pl.col(BUCKET_END).min(), ends=pl.col(BUCKET_END).max()), on=NODE)
    begins = joined.filter(pl.col("begins") - pl.col("first") > APART)["begins"].sort()
    ends = joined.filter(pl.col("last") - pl.col("ends") > APART)["ends"].sort()
    for word, moments in (("begins", begins), ("ends", ends)):
        if len(moments) and (word == "begins" or metric.sampling == "sampled"):  # what no longer changes has not ended
            yield _fullest_week(f"{metric.name} {word}", moments, spans)


def _fullest_week(what: str, moments: pl.Series, spans: pl.DataFrame) -> _Change:
    times, first, last = to_times(moments), to_times(spans["first"]), to_times(spans["last"])
    count = np.searchsorted(times, times + WEEK) - np.arange(len(times))
    fullest = int(np.argmax(count))
    start, hits = times[fullest], int(count[fullest])
    reporting = int(np.count_nonzero((first < start) & (last > start)))
    weeks = max(float((last.max() - first.min()) / WEEK), 1.0)
    p = binomial_p_value(hits, len(times), 1 / weeks) * weeks
    words = f"{what} {np.datetime_as_string(start, 'D')} at {hits:,} of {reporting:,} nodes"
    return _Change(words, hits / max(reporting, 1), min(p, 1.0))


def check_constant(ranges: dict[str, tuple[float | None, float | None]]) -> Finding:
    """List the columns that hold one value, or none: they can't mislead, nor help.

    `ranges`: the lowest and the highest value of each column.
    """
    if not ranges:
        return inconclusive(CONSTANT, "there is no telemetry")
    constant = [
        f"{name}: always {low:g}" if low is not None else f"{name}: no value"
        for name, (low, high) in ranges.items()
        if low == high
    ]
    return Finding(
        CONSTANT,
        Severity.CLEAR,
        f"{len(constant):,} of {len(ranges):,} columns hold one value; it can't make a forecast look better",
        float(len(constant)),
        None,
        tuple(constant[:MOST_EXAMPLES]),
    )
