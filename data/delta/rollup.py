"""Aggregates samples into buckets, so that windows never have to read raw samples.

A sum runs over the samples of one bucket only, in the order of their times. So a bucket has the same bits whether it
is rolled up alone, together with others, or again after a late row.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.schema import AGGREGATES, AVAILABLE_AT, BUCKET_END, BUCKET_KEYS, LATENESS, NODE, TS, UTC, bucket_column
from data.time_grid import MICROSECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
THREADS: Final = 2  # numpy releases the global interpreter lock


def bucket_end(width: timedelta) -> pl.Expr:
    """Return the end of the bucket (end - width, end] that contains `ts`, a multiple of the width since 1970."""
    return _ceil(TS, width).cast(UTC)


def rollup(telemetry: pl.DataFrame, metrics: Sequence[str], width: timedelta) -> pl.DataFrame:
    """Roll telemetry up into one row for each node, bucket_end and lateness, sorted by these.

    `lateness` is how many bucket widths after the bucket's end its samples became available, rounded up; samples of
    different lateness are separate rows. (node, ts) must be unique. A metric without a sample has n = 0 and null in all
    other aggregates; first_ts and last_ts are microseconds since 1970.
    """
    late = (_ceil(AVAILABLE_AT, width) - _ceil(TS, width)) // (width // MICROSECOND)
    keys = telemetry.select(
        "node", TS, bucket_end(width).alias(BUCKET_END), late.clip(0).cast(pl.Int32).alias(LATENESS)
    ).with_row_index("row")
    ordered = keys if _is_ordered(keys) else keys.sort(*BUCKET_KEYS, TS, maintain_order=True)
    rows, groups = None if ordered is keys else ordered["row"], _Groups.of(ordered)

    def columns(metric: str) -> list[pl.Series]:
        return list(_aggregate(metric, telemetry[metric] if rows is None else telemetry[metric].gather(rows), groups))

    with ThreadPoolExecutor(THREADS) as pool:
        aggregates = [column for series in pool.map(columns, metrics) for column in series]
    return ordered.select(*BUCKET_KEYS)[groups.starts].with_columns(aggregates)


def _ceil(time: str, width: timedelta) -> pl.Expr:
    step = width // MICROSECOND
    return -(-pl.col(time).to_physical() // step) * step


def _is_ordered(keys: pl.DataFrame) -> bool:
    """Return whether the rows are already sorted by node, bucket, lateness and time."""
    is_new = _changes(keys[NODE])
    if not keys[NODE].filter(pl.Series(is_new)).is_sorted():
        return False
    follows = np.ones(max(keys.height - 1, 0), dtype=np.bool_)
    for name in (TS, LATENESS, BUCKET_END):
        values = keys[name].to_physical().to_numpy()
        before, after = values[:-1], values[1:]
        follows = (after > before) | ((after == before) & follows)
    return bool(np.all(follows | is_new[1:]))


def _changes(column: pl.Series) -> NDArray[np.bool_]:
    """Return where a value differs from the previous one; true for the first."""
    return column.ne_missing(column.shift()).to_numpy()


@dataclass(frozen=True, slots=True)
class _Groups:
    """Sorted rows grouped by bucket: first row and size of each group, group and time (microseconds) of each row."""

    starts: Ints
    counts: Ints
    group: Ints
    times: Ints

    @classmethod
    def of(cls, keys: pl.DataFrame) -> _Groups:
        is_new = np.zeros(keys.height, dtype=np.bool_)
        for name in BUCKET_KEYS:
            is_new |= _changes(keys[name])
        starts = np.flatnonzero(is_new)
        counts = np.diff(starts, append=keys.height)
        return cls(starts, counts, np.cumsum(is_new) - 1, keys[TS].to_physical().to_numpy())


def _aggregate(metric: str, column: pl.Series, groups: _Groups) -> Iterator[pl.Series]:
    """Aggregate one metric of the sorted rows; yield its bucket columns."""
    samples = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    times, counts, is_present = groups.times, groups.counts, ~np.isnan(samples)
    if not is_present.all():
        samples, times = samples[is_present], times[is_present]
        counts = np.bincount(groups.group[is_present], minlength=len(groups.starts))
    aggregates = _reduce(samples, times, counts[counts > 0])
    yield pl.Series(bucket_column(metric, "n"), counts, pl.UInt32)
    spread: dict[int, pl.Series] = {}
    for aggregate in AGGREGATES[1:]:
        values = aggregates[aggregate]
        if id(values) not in spread:  # aggregates that share an array continue to share it
            spread[id(values)] = _spread(values, counts > 0)
        yield spread[id(values)].alias(bucket_column(metric, aggregate))


def _spread(values: Floats | Ints, is_present: NDArray[np.bool_]) -> pl.Series:
    """Return the values at the groups that have samples, and null at the others."""
    series = pl.Series(values)
    if is_present.all():
        return series
    position = pl.Series(np.cumsum(is_present) - 1)
    return series.gather(position.set(pl.Series(~is_present), None))


def _reduce(samples: Floats, times: Ints, counts: Ints) -> dict[str, Floats | Ints]:
    """Aggregate consecutive runs of samples with the lengths `counts`; no run is empty."""
    if len(samples) == len(counts):  # one sample in each run, as in daily rows
        zero = np.zeros(len(samples))
        same = dict.fromkeys(("mean", "min", "max", "first", "last"), samples)
        return {**same, "m2": zero, "increase": zero, "first_ts": times, "last_ts": times}
    ends = np.cumsum(counts)
    starts = ends - counts
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    # Rounding may move a mean beyond its samples: three times 0.1 would have a variance.
    mean = np.clip(np.add.reduceat(samples, starts) / counts, low, high)
    return {
        "mean": mean,
        "m2": np.add.reduceat(_squares(samples, np.repeat(mean, counts)), starts),
        "min": low,
        "max": high,
        "first": samples[starts],
        "last": samples[ends - 1],
        "first_ts": times[starts],
        "last_ts": times[ends - 1],
        "increase": np.add.reduceat(_rises(samples, starts), starts),
    }


def _squares(samples: Floats, mean: Floats) -> Floats:
    """Return the squared distance of each sample from its mean, computed in place of the means."""
    np.subtract(samples, mean, out=mean)
    return np.multiply(mean, mean, out=mean)


def _rises(samples: Floats, starts: Ints) -> Floats:
    """Return the rise of each sample above the previous one in its run; after a fall it counts from zero."""
    before, after = samples[:-1], samples[1:]
    rises = np.empty_like(samples)
    np.multiply(before, after >= before, out=rises[1:])  # base of the rise; a mask would take eight times as long
    np.subtract(after, rises[1:], out=rises[1:])
    rises[starts] = 0.0
    return rises
