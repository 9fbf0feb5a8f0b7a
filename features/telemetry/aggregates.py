"""The algebra of windows: aggregates of neighbouring time slices merge into the aggregate of both.

Each family is a monoid over tuples of float64 arrays of one shape. A window is a fold over buckets: history, a live
node's newest buckets and late parts are all merged by the same `merge`, in the same order.
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
    """Aggregates that merge together; `name`, that of the first statistic computed from them, is used in kept tables.

    `lift` turns the bucket aggregates `columns` and each bucket's number into parts; `empty` is the value of each
    part where there is no sample; `merge` combines an older slice with a newer one (the live update of a window),
    `join` two pieces of the same slice that became known at different times.
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
    """Replace NaN by 0, and -0 too, since a merge with an empty slice would turn it into 0."""
    return np.where(np.isnan(part), 0.0, part) + 0.0


def _lift_moments(raw: Parts, _numbers: Array) -> Parts:
    return tuple(_zeroed(part) for part in raw)


def _merge_moments(old: Parts, new: Parts) -> Parts:
    """Merge n, mean and m2 without a sum of squares (Chan, Golub and LeVeque 1979)."""
    return _merged_moments(old, new)[0]


def _merged_moments(old: Parts, new: Parts) -> tuple[Parts, Array, Array]:
    """Merge n, mean and m2; return also the newer slice's share of the samples, and the weight of the squared gap."""
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
    """Merge the moments of two variables: n, mean, m2, mean time, m2 of time, co-moment of time and value."""
    (time_old, time_m2_old, co_old), (time_new, time_m2_new, co_new) = old[3:], new[3:]
    moments, share, both = _merged_moments(old[:3], new[:3])
    time_gap = time_new - time_old
    both *= time_gap
    co = both * (new[1] - old[1])
    co += co_old + co_new
    both *= time_gap
    both += time_m2_old + time_m2_new
    time_gap *= share
    time_gap += time_old
    return (*moments, time_gap, both, co)


def _lift_extremes(raw: Parts, _numbers: Array) -> Parts:
    return raw[0] + 0.0, raw[1] + 0.0  # -0 becomes 0: which of the two is the minimum depends on the memory layout


def _merge_extremes(old: Parts, new: Parts) -> Parts:
    return np.fmin(old[0], new[0]), np.fmax(old[1], new[1])


def rise(before: Array, after: Array) -> Array:
    """Return how far a counter rose from `before` to `after`; a fall counts as a reset to zero."""
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


def _join_flow(earlier: Parts, late: Parts) -> Parts:
    """Join interleaved samples: the ends are exact, rises between the two pieces are left out."""
    late_is_first = np.isnan(earlier[0]) | (late[3] < earlier[3])
    late_is_last = np.isnan(earlier[1]) | (late[4] > earlier[4])
    return (
        np.where(late_is_first, late[0], earlier[0]),
        np.where(late_is_last, late[1], earlier[1]),
        earlier[2] + late[2],
        np.fmin(earlier[3], late[3]),
        np.fmax(earlier[4], late[4]),
    )


def _lift_seen(raw: Parts, _numbers: Array) -> Parts:
    return ((raw[0] > 0).astype(np.float64),)


def _merge_seen(old: Parts, new: Parts) -> Parts:
    return (old[0] + new[0],)


def _join_seen(earlier: Parts, late: Parts) -> Parts:
    return (np.maximum(earlier[0], late[0]),)


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


def window(merge: Merge, buckets: Parts, lengths: tuple[int, ...], stops: Stops) -> dict[int, Parts]:
    """Fold the `length` buckets that end at each of `stops`, for each length; `buckets` reach back that far.

    Doubling: a block of 2^k buckets merges two of 2^(k-1), and a window merges the blocks of its length's
    binary digits, newest first. So the merges of a window depend on the window's buckets alone.
    """
    blocks = {1: buckets}
    size = 1
    while 2 * size <= max(lengths):
        older = tuple(part[..., :-size] for part in blocks[size])
        blocks[2 * size] = merge(older, tuple(part[..., size:] for part in blocks[size]))
        size *= 2
    return {length: _assemble(merge, blocks, length, stops) for length in lengths}


def _assemble(merge: Merge, blocks: dict[int, Parts], length: int, stops: Stops) -> Parts:
    newest, *older = [1 << bit for bit in range(length.bit_length()) if length >> bit & 1]
    folded, covered = _ending(blocks, newest, stops, 0), newest
    for size in older:
        folded, covered = merge(_ending(blocks, size, stops, covered), folded), covered + size
    return folded


def _ending(blocks: dict[int, Parts], size: int, stops: Stops, before: int) -> Parts:
    """Return the blocks of a size that end `before` buckets before each of `stops`."""
    back = before + size - 1  # a block has the index of its oldest bucket
    index = slice(stops.start - back, stops.stop - back, stops.step) if isinstance(stops, slice) else stops - back
    return tuple(part[..., index] for part in blocks[size])
