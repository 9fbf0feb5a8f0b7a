"""Windows over the buckets of sampled metrics, exact about what was known at each cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.telemetry import aggregates, idle
from features.telemetry.aggregates import EXTREMES, FLOW, MOMENTS, SEEN, TREND, AggregateFamily, Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from features.grid import Array, Index
    from features.telemetry.aggregates import Stops
    from features.telemetry.panel import Panel

PATCH_CELLS = 1 << 20  # buckets of late windows that are gathered at once
Wanted = tuple[str, int]  # a statistic, and the length of its window in buckets


@dataclass(frozen=True, slots=True)
class WindowStatistic:
    """One number from the merged aggregates of a window, given its length and the buckets in a day."""

    family: AggregateFamily
    value: Callable[[Parts, int, float], Array]


def _mean(parts: Parts, _length: int, _per_day: float) -> Array:
    return np.where(parts[0] > 0, parts[1], np.nan)


def _std(parts: Parts, _length: int, _per_day: float) -> Array:
    n, _, m2, *_ = parts
    return np.where(n > 1, np.sqrt(m2 / np.maximum(n, 1)), np.nan)


def _slope(parts: Parts, _length: int, per_day: float) -> Array:
    *_, at_m2, co = parts
    return np.where(at_m2 > 0, co / np.where(at_m2 > 0, at_m2, 1.0) * per_day, np.nan)


def _seen(parts: Parts, length: int, _per_day: float) -> Array:
    return parts[0] / length


def _part(index: int) -> Callable[[Parts, int, float], Array]:
    return lambda parts, _length, _per_day: parts[index]


STATISTICS = {
    "mean": WindowStatistic(MOMENTS, _mean),
    "std": WindowStatistic(MOMENTS, _std),  # population standard deviation of the samples
    "slope": WindowStatistic(TREND, _slope),  # least squares through bucket means, weighted by samples, a day
    "min": WindowStatistic(EXTREMES, _part(0)),
    "max": WindowStatistic(EXTREMES, _part(1)),
    "first": WindowStatistic(FLOW, _part(0)),
    "last": WindowStatistic(FLOW, _part(1)),
    "increase": WindowStatistic(FLOW, _part(2)),
    "last_ts": WindowStatistic(FLOW, _part(4)),  # time of the newest sample, microseconds since 1970
    "seen": WindowStatistic(SEEN, _seen),  # share of the window's buckets that hold a sample
}


def statistic(name: str) -> WindowStatistic:
    """Find a statistic by its name; those of idle spells say in it below which value a bucket is idle.

    Raises:
        KeyError: if there is no such statistic.
    """
    found = idle.parse(name)
    if found is None:
        return STATISTICS[name]
    kind, below = found
    return WindowStatistic(idle.family(below), idle.VALUES[kind])


def columns_of(statistics: set[str]) -> list[str]:
    """List the bucket aggregates that these statistics are made of."""
    return sorted({column for name in statistics for column in statistic(name).family.columns})


def window_values(panel: Panel, wanted: Sequence[Wanted], at: Stops) -> dict[Wanted, Array]:
    """Compute statistics over windows of a length in buckets that end at the buckets `at`.

    Returns:
        Arrays of shape nodes x stops; NaN where the window holds no sample.
    """
    per_day = 86_400 / panel.grid.width.total_seconds()
    values: dict[Wanted, Array] = {}
    for family, own in _by_family(wanted):
        folded = _fold(panel, family, tuple(sorted({length for _, length in own})), at)
        for name, length in own:
            values[name, length] = statistic(name).value(folded[length], length, per_day)
    return values


def _by_family(wanted: Sequence[Wanted]) -> Iterator[tuple[AggregateFamily, list[Wanted]]]:
    """Part statistics by what they are folded from; who folds trends has folded the moments."""
    families = {one: statistic(one[0]).family for one in wanted}
    if TREND in families.values():
        families = {one: TREND if family is MOMENTS else family for one, family in families.items()}
    for family in dict.fromkeys(families.values()):
        yield family, [one for one in wanted if families[one] is family]


def _fold(panel: Panel, family: AggregateFamily, lengths: tuple[int, ...], at: Stops) -> dict[int, Parts]:
    levels = _known_by_lateness(panel, family)
    folded = aggregates.window(family.merge, levels[-1], lengths, at)
    if len(levels) > 1:
        for length in lengths:
            folded[length] = tuple(part.copy() for part in folded[length])
            _forget_what_came_later(_Late(panel, family, levels, at), folded[length], length)
    return folded


def _known_by_lateness(panel: Panel, family: AggregateFamily) -> list[Parts]:
    """Give the buckets as known when on time, then with each later arrival; the last one is complete."""
    levels: list[Parts] = []
    for late in panel.latenesses:
        raw = tuple(panel.dense(name, lateness=late) for name in family.columns)
        part = family.lift(raw, panel.grid.numbers)
        levels.append(family.join(levels[-1], part) if levels else part)
    return levels


@dataclass(frozen=True, slots=True)
class _Late:
    """A panel of which some parts only arrived after the end of a window that holds them."""

    panel: Panel
    family: AggregateFamily
    levels: list[Parts]
    at: Stops

    @property
    def stops(self) -> Index:
        """The buckets at which windows end."""
        return np.arange(self.panel.grid.count)[self.at]


def _forget_what_came_later(late: _Late, folded: Parts, length: int) -> None:
    """Recompute, in place, the windows that hold a part which only arrived after their end."""
    node, stop = _windows_with_later_parts(late, length)
    step = max(PATCH_CELLS // length, 1)
    for first in range(0, len(node), step):
        cells = node[first : first + step], stop[first : first + step]
        known = _as_known(late, cells[0], late.stops[cells[1]], length)
        exact = aggregates.window(late.family.merge, known, (length,), slice(length - 1, length, 1))[length]
        for target, value in zip(folded, exact, strict=True):
            target[cells] = value[..., 0]


def _windows_with_later_parts(late: _Late, length: int) -> tuple[Index, Index]:
    panel = late.panel
    affected = np.zeros((len(panel.nodes), panel.grid.count), dtype=bool)
    for lateness in panel.latenesses[1:]:
        node, bucket = panel.cells(lateness)
        for age in range(min(lateness, length)):
            inside = bucket + age < panel.grid.count
            affected[node[inside], bucket[inside] + age] = True
    node, stop = np.nonzero(affected[:, late.at])
    return node, stop


def _as_known(late: _Late, node: Index, bucket: Index, length: int) -> Parts:
    """Gather the buckets of each window as they were known at its end: windows x length."""
    age = np.arange(length)[::-1]
    level = np.searchsorted(late.panel.latenesses, age, side="right") - 1
    where = level[None, :], node[:, None], bucket[:, None] - age
    return tuple(np.stack([known[part] for known in late.levels])[where] for part in range(len(late.family.empty)))
