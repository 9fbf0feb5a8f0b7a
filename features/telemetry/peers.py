"""A node beside its peers at the same time: a whole fleet getting warmer is weather."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.grid import Array, Index

FEWEST_PEERS = 5
IQR_OF_NORMAL = 1.349  # the interquartile range of a standard normal


def quantiles(values: Array, shares: tuple[float, ...]) -> tuple[Array, ...]:
    """Give quantiles of each column, missing values left out (linear between ranks); NaN below five peers."""
    ranked = np.array(values.T, order="C")
    ranked.sort(axis=1)  # NaN sorts last
    count = np.count_nonzero(~np.isnan(ranked), axis=1)
    return tuple(np.where(count >= FEWEST_PEERS, _ranked_at(ranked, count, share), np.nan) for share in shares)


def _ranked_at(ranked: Array, count: Index, share: float) -> Array:
    place = share * np.maximum(count - 1, 0)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    each = np.arange(len(ranked))
    low, high = ranked[each, below], ranked[each, above]
    return np.asarray(low + (high - low) * (place - below))  # 0 where 0 and -0 tie, in any order


def fleet_deviation(values: Array) -> Array:
    """Give the distance from the fleet's median in robust standard deviations (interquartile range / 1.349)."""
    low, middle, high = quantiles(values, (0.25, 0.5, 0.75))
    spread = (high - low) / IQR_OF_NORMAL
    return np.asarray((values - middle) / np.where(spread > 0, spread, np.nan))


def fleet_ratio(values: Array) -> Array:
    """Give each value as a multiple of the fleet's median."""
    (middle,) = quantiles(values, (0.5,))
    return np.asarray(values / np.where(middle > 0, middle, np.nan))


def fleet_rank(values: Array) -> Array:
    """Give each value's place in the fleet, from 0 (lowest) to 1 (highest); ties share their lowest place.

    Values that differ only beyond float32 tie: which of two equal means rounds up depends on the order of merging.
    """
    out = np.full_like(values, np.nan)
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    for column in range(values.shape[1]):
        known = ~np.isnan(values[:, column])
        ranked = np.sort(rounded[known, column])
        if len(ranked) >= FEWEST_PEERS:
            out[known, column] = np.searchsorted(ranked, rounded[known, column]) / (len(ranked) - 1)
    return out


def group_deviation(values: Array, group: Index) -> Array:
    """Give the distance from the median of the node's group, in the metric's unit; NaN below five peers."""
    out = np.full_like(values, np.nan)
    for nodes in _of_equal_size(group):
        own = values[nodes]  # groups x nodes of each x times
        side_by_side = own.swapaxes(0, 1).reshape(own.shape[1], -1)
        (middle,) = quantiles(side_by_side, (0.5,))
        out[nodes] = own - middle.reshape(len(own), 1, -1)
    return out


def _of_equal_size(group: Index) -> Iterator[Index]:
    """Give, for each size that groups have, the nodes of all groups of that size: groups x nodes."""
    order = np.argsort(group, kind="stable")
    _, first, sizes = np.unique(group[order], return_index=True, return_counts=True)
    for size in np.unique(sizes):
        yield order[first[sizes == size][:, None] + np.arange(size)]


def group_rank(values: Array, group: Index) -> Array:
    """Give each value's place in its group, from 0 (lowest) to 1 (highest); ties share their lowest place.

    `values` and `group` are flat, one a pair of node and time; NaN where the value is missing or has under five peers.
    """
    out = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.lexsort((values[known], group[known]))]
    own, ranked = group[order], values[order]
    size = np.bincount(own)[own] if len(own) else own
    below = _begins(own, ranked) - _begins(own)
    enough = size >= FEWEST_PEERS
    out[order[enough]] = below[enough] / (size[enough] - 1)
    return out


def _begins(*keys: Array | Index) -> Index:
    """Give, for each place in sorted keys, where the run of equals that it lies in begins."""
    place = np.arange(len(keys[0]))
    differs = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return np.maximum.accumulate(np.where(np.append(True, differs)[: len(place)], place, 0))
