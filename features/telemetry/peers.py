"""Compares nodes with their peers at the same time: a change of the whole fleet is not a sign of a failing node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.grid import Array, Index

FEWEST_PEERS = 5
IQR_OF_NORMAL = 1.349  # the interquartile range of a standard normal


def quantiles(values: Array, shares: tuple[float, ...]) -> tuple[Array, ...]:
    """Return quantiles of each column without missing values (linear between ranks); NaN below five peers."""
    ranked = np.array(values.T, order="C")
    ranked.sort(axis=1)  # NaN sorts last
    count = np.count_nonzero(~np.isnan(ranked), axis=1)
    return tuple(np.where(count >= FEWEST_PEERS, _quantile(ranked, count, share), np.nan) for share in shares)


def _quantile(ranked: Array, count: Index, share: float) -> Array:
    rank = share * np.maximum(count - 1, 0)
    below = np.floor(rank).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    row = np.arange(len(ranked))
    low, high = ranked[row, below], ranked[row, above]
    return np.asarray(low + (high - low) * (rank - below))  # 0 where 0 and -0 tie, in any order


def fleet_deviation(values: Array) -> Array:
    """Return the distance from the fleet's median in robust standard deviations (interquartile range / 1.349)."""
    low, middle, high = quantiles(values, (0.25, 0.5, 0.75))
    spread = (high - low) / IQR_OF_NORMAL
    return np.asarray((values - middle) / np.where(spread > 0, spread, np.nan))


def fleet_ratio(values: Array) -> Array:
    """Return each value as a multiple of the fleet's median."""
    (middle,) = quantiles(values, (0.5,))
    return np.asarray(values / np.where(middle > 0, middle, np.nan))


def fleet_rank(values: Array) -> Array:
    """Return each value's rank in the fleet, from 0 (lowest) to 1 (highest); ties share their lowest rank.

    Values that differ only beyond float32 tie: which of two equal means rounds up depends on the order of merging.
    """
    out = np.full_like(values, np.nan)
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    for column in range(values.shape[1]):
        is_known = ~np.isnan(values[:, column])
        ranked = np.sort(rounded[is_known, column])
        if len(ranked) >= FEWEST_PEERS:
            out[is_known, column] = np.searchsorted(ranked, rounded[is_known, column]) / (len(ranked) - 1)
    return out


def group_deviation(values: Array, group: Index) -> Array:
    """Return the distance from the median of the node's group, in the metric's unit; NaN below five peers."""
    out = np.full_like(values, np.nan)
    for nodes in _of_equal_size(group):
        grouped = values[nodes]  # groups x nodes of each x times
        columns = grouped.swapaxes(0, 1).reshape(grouped.shape[1], -1)
        (middle,) = quantiles(columns, (0.5,))
        out[nodes] = grouped - middle.reshape(len(grouped), 1, -1)
    return out


def _of_equal_size(group: Index) -> Iterator[Index]:
    """Yield, for each size that groups have, the nodes of all groups of that size: groups x nodes."""
    order = np.argsort(group, kind="stable")
    _, first, sizes = np.unique(group[order], return_index=True, return_counts=True)
    for size in np.unique(sizes):
        yield order[first[sizes == size][:, None] + np.arange(size)]


def group_rank(values: Array, group: Index) -> Array:
    """Return each value's rank in its group, from 0 (lowest) to 1 (highest); ties share their lowest rank.

    `values` and `group` are flat, one a pair of node and time; NaN where the value is missing or has under five peers.
    """
    out = np.full(len(values), np.nan)
    rows = np.flatnonzero(~np.isnan(values))
    order = rows[np.lexsort((values[rows], group[rows]))]
    grouped, ranked = group[order], values[order]
    size = np.bincount(grouped)[grouped] if len(grouped) else grouped
    below = _run_starts(grouped, ranked) - _run_starts(grouped)
    enough = size >= FEWEST_PEERS
    out[order[enough]] = below[enough] / (size[enough] - 1)
    return out


def _run_starts(*keys: Array | Index) -> Index:
    """Return, for each position in sorted keys, the first position with equal keys."""
    position = np.arange(len(keys[0]))
    differs = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return np.maximum.accumulate(np.where(np.append(True, differs)[: len(position)], position, 0))
