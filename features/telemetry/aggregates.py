"""The algebra of windows: aggregates of neighbouring time slices merge into the aggregate of both.

Each family is a monoid over tuples of float64 arrays of one shape. A window is a fold over buckets, so
history, a live node's newest buckets and late parts all come from the same `merge`, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from features.grid import Array, Index

Parts = tuple[Array, ...]
Merge = Callable[[Parts, Parts], Parts]
Stops = Index | slice  # buckets at which windows end


@dataclass(frozen=True, slots=True)
class AggregateFamily:
    """Aggregates that merge together; `name`, that of the first statistic made of them, stands in kept tables.

    `columns` are the bucket aggregates that `lift` turns into parts, given each bucket's number;
    `empty` is the value of each part where there is no sample; `merge` combines an older slice with a newer
    one (the live update of a window), `join` two parts of the same slice that became known at different times.
    """

    name: str
    columns: tuple[str, ...] = field(compare=False)
    empty: tuple[float, ...] = field(compare=False)
    lift: Callable[[Parts, Array], Parts] = field(compare=False)
    merge: Merge = field(compare=False)
    join: Merge = field(compare=False)


def _weights(n_old: Array, n_new: Array) -> tuple[Array, Array]:
    total = n_old + n_new
    return total, n_new / np.maximum(total, 1.0)


def _zeroed(part: Array) -> Array:
    """Put 0 where there is nothing, and where there is -0, which a merge with nothing would turn into 0."""
    return np.where(np.isnan(part), 0.0, part) + 0.0


def _lift_moments(raw: Parts, _numbers: Array) -> Parts:
    return tuple(_zeroed(part) for part in raw)


def _merge_moments(old: Parts, new: Parts) -> Parts:
    """Chan, Golub and LeVeque (1979): n, mean and m2 without a sum of squares."""
    return _merged_moments(old, new)[0]


def _merged_moments(old: Parts, new: Parts) -> tuple[Parts, Array, Array]:
    """Merge n, mean and m2; give the newer one's share of the samples too, and what its square weighs."""
    (n_old, mean_old, m2_old), (n_new, mean_new, m2_new) = old, new
    total, share = _weights(n_old, n_new)
    gap, both = mean_new - mean_old, n_old * share
    spread = gap * both
    spread *= gap
    spread += m2_old + m2_new
    gap *= share
    gap += mean_old
    return (total, gap, spread), share, both


def _lift_trend(raw: Parts, numbers: Array) -> Parts:
    n, mean, m2 = (_zeroed(part) for part in raw)
    zero = np.zeros_like(n)
    return n, mean, m2, np.where(n > 0, numbers, 0.0), zero, zero


def _merge_trend(old: Parts, new: Parts) -> Parts:
    """The same for two variables: n, mean, m2, then mean time, m2 of time, co-moment of time and value."""
    (at_old, at_m2_old, co_old), (at_new, at_m2_new, co_new) = old[3:], new[3:]
    moments, share, both = _merged_moments(old[:3], new[:3])
    gap_at = at_new - at_old
    both *= gap_at
    co = both * (new[1] - old[1])
    co += co_old + co_new
    both *= gap_at
    both += at_m2_old + at_m2_new
    gap_at *= share
    gap_at += at_old
    return (*moments, gap_at, both, co)


def _lift_extremes(raw: Parts, _numbers: Array) -> Parts:
    return raw[0] + 0.0, raw[1] + 0.0  # which of 0 and -0 is the smaller one depends on where they lie in memory


def _merge_extremes(old: Parts, new: Parts) -> Parts:
    return np.fmin(old[0], new[0]), np.fmax(old[1], new[1])


def rise(before: Array, after: Array) -> Array:
    """Give how far a counter rose from `before` to `after`; a fall counts as a reset to zero."""
    step = np.where(after >= before, after - before, after)
    return np.where(np.isnan(before) | np.isnan(after), 0.0, step)


def _lift_flow(raw: Parts, _numbers: Array) -> Parts:
    first, last, increase, first_ts, last_ts = raw
    return first, last, _zeroed(increase), first_ts, last_ts


def _merge_flow(old: Parts, new: Parts) -> Parts:
    no_old, no_new = np.isnan(old[0]), np.isnan(new[0])
    return (
        np.where(no_old, new[0], old[0]),
        np.where(no_new, old[1], new[1]),
        old[2] + new[2] + rise(old[1], new[0]),
        np.where(no_old, new[3], old[3]),
        np.where(no_new, old[4], new[4]),
    )


def _join_flow(one: Parts, other: Parts) -> Parts:
    """Join interleaved samples: the ends are exact, rises between the two parts are left out."""
    other_first = np.isnan(one[0]) | (other[3] < one[3])
    other_last = np.isnan(one[1]) | (other[4] > one[4])
    return (
        np.where(other_first, other[0], one[0]),
        np.where(other_last, other[1], one[1]),
        one[2] + other[2],
        np.fmin(one[3], other[3]),
        np.fmax(one[4], other[4]),
    )


def _lift_seen(raw: Parts, _numbers: Array) -> Parts:
    return ((raw[0] > 0).astype(np.float64),)


def _merge_seen(old: Parts, new: Parts) -> Parts:
    return (old[0] + new[0],)


def _join_seen(one: Parts, other: Parts) -> Parts:
    return (np.maximum(one[0], other[0]),)


NAN = float("nan")
MOMENTS = AggregateFamily("mean", ("n", "mean", "m2"), (0, 0, 0), _lift_moments, _merge_moments, _merge_moments)
TREND = AggregateFamily(  # begins with the moments
    "slope", ("n", "mean", "m2"), (0,) * 6, _lift_trend, _merge_trend, _merge_trend
)
EXTREMES = AggregateFamily("min", ("min", "max"), (NAN, NAN), _lift_extremes, _merge_extremes, _merge_extremes)
FLOW = AggregateFamily(
    "first",
    ("first", "last", "increase", "first_ts", "last_ts"),
    (NAN, NAN, 0, NAN, NAN),
    _lift_flow,
    _merge_flow,
    _join_flow,
)
SEEN = AggregateFamily("seen", ("n",), (0,), _lift_seen, _merge_seen, _join_seen)


def window(merge: Merge, buckets: Parts, lengths: tuple[int, ...], at: Stops) -> dict[int, Parts]:
    """Fold the `length` buckets that end at each bucket of `at`, for each length; `buckets` reach back that far.

    Doubling: a block of 2^k buckets merges two of 2^(k-1), and a window joins the blocks of its length's
    binary digits, newest first. So the merges of a window depend on its own buckets alone.
    """
    blocks = {1: buckets}
    size = 1
    while 2 * size <= max(lengths):
        older = tuple(part[..., :-size] for part in blocks[size])
        blocks[2 * size] = merge(older, tuple(part[..., size:] for part in blocks[size]))
        size *= 2
    return {length: _assemble(merge, blocks, length, at) for length in lengths}


def _assemble(merge: Merge, blocks: dict[int, Parts], length: int, at: Stops) -> Parts:
    newest, *older = [1 << bit for bit in range(length.bit_length()) if length >> bit & 1]
    folded, covered = _ending(blocks, newest, at, 0), newest
    for size in older:
        folded, covered = merge(_ending(blocks, size, at, covered), folded), covered + size
    return folded


def _ending(blocks: dict[int, Parts], size: int, at: Stops, before: int) -> Parts:
    """Pick the blocks of a size that end so many buckets before each bucket of `at`."""
    back = before + size - 1  # a block stands where its oldest bucket stood
    ends = slice(at.start - back, at.stop - back, at.step) if isinstance(at, slice) else at - back
    return tuple(part[..., ends] for part in blocks[size])
