"""Computes windows over the buckets of sampled metrics, each from what was known at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.telemetry import aggregates
from features.telemetry.aggregates import MOMENTS, TREND
from features.telemetry.window_statistics import SampledStatistic, WindowStatistic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from features.grid import Array, Index
    from features.telemetry.aggregates import AggregateFamily, Parts, Stops
    from features.telemetry.panel import Panel

PATCH_CELLS = 1 << 20  # buckets of late windows that are gathered at once
Request = tuple[SampledStatistic, int]  # a statistic, and the length of its window in buckets
BaseRequest = tuple[WindowStatistic, int]


def compute(panel: Panel, requests: Iterable[Request], stops: Stops) -> dict[Request, Array]:
    """Compute statistics of one metric over windows that end at the buckets `stops`, a block of nodes at a time.

    Returns:
        Arrays of shape nodes x stops; NaN where a window holds too few samples.
    """
    bases = {request: request[0].bases(request[1]) for request in requests}
    base_requests = list(dict.fromkeys(base for parts in bases.values() for base in parts))
    now = panel.grid.numbers[stops] * panel.grid.width.total_seconds()
    values = {request: np.empty((len(panel.nodes), len(now))) for request in bases}
    for nodes, block in panel.blocks():
        with np.errstate(over="ignore", invalid="ignore"):  # a value that is too large to square has no spread
            base_values = window_values(block, base_requests, stops)
        for request, parts in bases.items():
            values[request][nodes] = request[0].combined([base_values[base] for base in parts], now)
    return values


def columns_of(requests: Iterable[Request]) -> list[str]:
    """List the bucket aggregates that statistics are computed from."""
    bases = (base for statistic, length in requests for base, _ in statistic.bases(length))
    return sorted({column for base in bases for column in base.family.columns})


def window_values(panel: Panel, requests: Sequence[BaseRequest], stops: Stops) -> dict[BaseRequest, Array]:
    """Compute statistics over windows that end at the buckets `stops`.

    Returns:
        Arrays of shape nodes x stops; NaN where the window holds no sample.
    """
    per_day = 86_400 / panel.grid.width.total_seconds()
    values: dict[BaseRequest, Array] = {}
    for family, group in _by_family(requests):
        folded = _fold(panel, family, tuple(sorted({length for _, length in group})), stops)
        for statistic, length in group:
            values[statistic, length] = statistic.value(folded[length], length, per_day)
    return values


def _by_family(requests: Sequence[BaseRequest]) -> Iterator[tuple[AggregateFamily, list[BaseRequest]]]:
    """Group statistics by the aggregates that they need; the aggregates of trends include the moments."""
    families = {request: request[0].family for request in requests}
    if TREND in families.values():
        families = {request: TREND if family == MOMENTS else family for request, family in families.items()}
    for family in dict.fromkeys(families.values()):
        yield family, [request for request in requests if families[request] == family]


def _fold(panel: Panel, family: AggregateFamily, lengths: tuple[int, ...], stops: Stops) -> dict[int, Parts]:
    levels = _known_by_lateness(panel, family)
    folded = aggregates.window(family.merge, levels[-1], lengths, stops)
    if len(levels) > 1:
        for length in lengths:
            folded[length] = tuple(part.copy() for part in folded[length])
            _remove_later_parts(_LatePanel(panel, family, levels, stops), folded[length], length)
    return folded


def _known_by_lateness(panel: Panel, family: AggregateFamily) -> list[Parts]:
    """Return the buckets as known when on time, then with each later arrival; the last one is complete."""
    levels: list[Parts] = []
    for lateness in panel.latenesses:
        raw = tuple(panel.dense(name, lateness=lateness) for name in family.columns)
        part = family.lift(raw, panel.grid.numbers)
        levels.append(family.join(levels[-1], part) if levels else part)
    return levels


@dataclass(frozen=True, slots=True)
class _LatePanel:
    """A panel of which some parts arrived only after the end of a window that holds them."""

    panel: Panel
    family: AggregateFamily
    levels: list[Parts]
    stops: Stops

    @property
    def stop_buckets(self) -> Index:
        """The buckets at which windows end."""
        return np.arange(self.panel.grid.count)[self.stops]


def _remove_later_parts(late: _LatePanel, folded: Parts, length: int) -> None:
    """Recompute, in place, the windows that hold a part which arrived only after their end."""
    node, stop = _windows_with_later_parts(late, length)
    step = max(PATCH_CELLS // length, 1)
    for first in range(0, len(node), step):
        cells = node[first : first + step], stop[first : first + step]
        parts = _as_known(late, cells[0], late.stop_buckets[cells[1]], length)
        exact = aggregates.window(late.family.merge, parts, (length,), slice(length - 1, length, 1))[length]
        for target, value in zip(folded, exact, strict=True):
            target[cells] = value[..., 0]


def _windows_with_later_parts(late: _LatePanel, length: int) -> tuple[Index, Index]:
    panel = late.panel
    affected = np.zeros((len(panel.nodes), panel.grid.count), dtype=bool)
    for lateness in panel.latenesses[1:]:
        node, bucket = panel.cells(lateness)
        for age in range(min(lateness, length)):
            inside = bucket + age < panel.grid.count
            affected[node[inside], bucket[inside] + age] = True
    node, stop = np.nonzero(affected[:, late.stops])
    return node, stop


def _as_known(late: _LatePanel, node: Index, bucket: Index, length: int) -> Parts:
    """Gather the buckets of each window as they were known at its end: windows x length."""
    age = np.arange(length)[::-1]
    level = np.searchsorted(late.panel.latenesses, age, side="right") - 1
    where = level[None, :], node[:, None], bucket[:, None] - age
    return tuple(
        np.stack([level_parts[part] for level_parts in late.levels])[where] for part in range(len(late.family.empty))
    )
