"""Windows over the buckets of sampled metrics, exact about what was known at each cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features import merging
from features.merging import EXTREMES, FLOW, MOMENTS, SEEN, TREND, Array, Family, Parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from features.panel import Panel

CELLS_AT_ONCE = 50_000  # late cells patched together: bounds the memory of a patch


@dataclass(frozen=True, slots=True)
class Statistic:
    """One number from the merged aggregates of a window, given its length and the buckets in a day."""

    family: Family
    value: Callable[[Parts, int, float], Array]


def _mean(parts: Parts, _length: int, _per_day: float) -> Array:
    return np.where(parts[0] > 0, parts[1], np.nan)


def _std(parts: Parts, _length: int, _per_day: float) -> Array:
    n, _, m2 = parts
    return np.where(n > 1, np.sqrt(m2 / np.maximum(n, 1)), np.nan)


def _slope(parts: Parts, _length: int, per_day: float) -> Array:
    _, _, _, at_m2, co = parts
    return np.where(at_m2 > 0, co / np.where(at_m2 > 0, at_m2, 1.0) * per_day, np.nan)


def _seen(parts: Parts, length: int, _per_day: float) -> Array:
    return parts[0] / length


def _part(index: int) -> Callable[[Parts, int, float], Array]:
    return lambda parts, _length, _per_day: parts[index]


STATISTICS = {
    "mean": Statistic(MOMENTS, _mean),
    "std": Statistic(MOMENTS, _std),  # population standard deviation of the samples
    "slope": Statistic(TREND, _slope),  # least squares through bucket means, weighted by samples, a day
    "min": Statistic(EXTREMES, _part(0)),
    "max": Statistic(EXTREMES, _part(1)),
    "first": Statistic(FLOW, _part(0)),
    "last": Statistic(FLOW, _part(1)),
    "increase": Statistic(FLOW, _part(2)),
    "last_ts": Statistic(FLOW, _part(4)),  # time of the newest sample, microseconds since 1970
    "seen": Statistic(SEEN, _seen),  # share of the window's buckets that hold a sample
}


def columns_of(statistics: set[str]) -> list[str]:
    """List the bucket aggregates that these statistics are made of."""
    return sorted({column for name in statistics for column in STATISTICS[name].family.columns})


def window_values(panel: Panel, metric: str, wanted: list[tuple[str, int]]) -> dict[tuple[str, int], Array]:
    """Compute (statistic, window length in buckets) of a metric at every node and bucket end.

    Returns:
        Arrays of shape nodes x buckets; NaN where the window holds no sample.
    """
    per_day = 86_400 / panel.grid.width.total_seconds()
    values: dict[tuple[str, int], Array] = {}
    for family in dict.fromkeys(STATISTICS[statistic].family for statistic, _ in wanted):
        own = [(statistic, length) for statistic, length in wanted if STATISTICS[statistic].family is family]
        folded = _fold(panel, metric, family, tuple(sorted({length for _, length in own})))
        for statistic, length in own:
            values[statistic, length] = STATISTICS[statistic].value(folded[length], length, per_day)
    return values


def _fold(panel: Panel, metric: str, family: Family, lengths: tuple[int, ...]) -> dict[int, Parts]:
    levels = _known_by_lateness(panel, metric, family)
    folded = merging.window(family.merge, levels[-1], lengths)
    if len(levels) > 1:
        for length in lengths:
            _forget_what_came_later(panel, family, levels, folded[length], length)
    return folded


def _known_by_lateness(panel: Panel, metric: str, family: Family) -> list[Parts]:
    """Give the buckets as known when on time, then with each later arrival; the last one is complete."""
    levels: list[Parts] = []
    for late in panel.latenesses():
        raw = tuple(panel.dense(metric, name, lateness=late) for name in family.columns)
        part = family.lift(raw, panel.grid.numbers)
        levels.append(family.join(levels[-1], part) if levels else part)
    return levels


def _forget_what_came_later(panel: Panel, family: Family, levels: list[Parts], folded: Parts, length: int) -> None:
    """Recompute, in place, the windows that hold a part which only arrived after their end."""
    level_of_age = np.searchsorted(panel.latenesses(), np.arange(length), side="right") - 1
    node, bucket = _cells_with_later_parts(panel, length)
    for at in range(0, len(node), CELLS_AT_ONCE):
        cells = node[at : at + CELLS_AT_ONCE], bucket[at : at + CELLS_AT_ONCE]
        known = _as_known(family, levels, cells, level_of_age)
        exact = merging.window(family.merge, known, (length,))[length]
        for target, value in zip(folded, exact, strict=True):
            target[cells] = value[..., -1]


def _cells_with_later_parts(panel: Panel, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    affected = np.zeros((panel.node_count, panel.grid.count), dtype=bool)
    for late in panel.latenesses()[1:]:
        at = panel.lateness == late
        for age in range(min(late, length)):
            bucket = panel.bucket[at] + age
            inside = bucket < panel.grid.count
            affected[panel.node[at][inside], bucket[inside]] = True
    node, bucket = np.nonzero(affected)
    return node, bucket


def _as_known(
    family: Family,
    levels: list[Parts],
    cells: tuple[NDArray[np.int64], NDArray[np.int64]],
    level_of_age: NDArray[np.int64],
) -> Parts:
    """Gather, for each cell, the buckets of its window as they were known at its end: cells x length."""
    node, bucket = cells
    age = np.arange(len(level_of_age))[::-1]
    column = bucket[:, None] - age
    level, row, inside = level_of_age[age][None, :], node[:, None], np.maximum(column, 0)
    return tuple(
        np.where(column < 0, empty, np.stack([known[part] for known in levels])[level, row, inside])
        for part, empty in enumerate(family.empty)
    )
