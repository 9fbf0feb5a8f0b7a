"""Statistics that combine windows: the level now against the usual one, uptime, boots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.errors import ModelMismatchError
from features.telemetry import idle
from features.telemetry.windows import STATISTICS, Wanted, window_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from features.grid import Array
    from features.telemetry.aggregates import Stops
    from features.telemetry.panel import Panel

SECONDS_PER_HOUR = 3_600.0
MICROSECONDS_PER_HOUR = 3_600e6


@dataclass(frozen=True, slots=True)
class DerivedStatistic:
    """A statistic made of others: (base statistic, over one bucket rather than the window) in order."""

    bases: tuple[tuple[str, bool], ...]
    combine: Callable[[list[Array], Array], Array]  # the bases' values, and each stop's Unix time in seconds


DERIVED = {
    "change": DerivedStatistic((("mean", True), ("mean", False)), lambda v, _: v[0] - v[1]),
    "uptime": DerivedStatistic((("last", False),), lambda v, now: (now - v[0]) / SECONDS_PER_HOUR),
    "span": DerivedStatistic((("max", False), ("min", False)), lambda v, _: (v[0] - v[1]) / SECONDS_PER_HOUR),
    "silence": DerivedStatistic((("last_ts", False),), lambda v, now: (now * 1e6 - v[0]) / MICROSECONDS_PER_HOUR),
}


def base_statistics(stat: str) -> tuple[str, ...]:
    """List the window statistics that a statistic is made of.

    Raises:
        ModelMismatchError: if there is no such statistic.
    """
    if stat not in STATISTICS and stat not in DERIVED and idle.parse(stat) is None:
        known = ", ".join(sorted({*STATISTICS, *DERIVED, *map(idle.name, idle.VALUES)}))
        raise ModelMismatchError(f"windows have no statistic {stat}; they have {known}", fix="train the model anew")
    return tuple(base for base, _ in DERIVED[stat].bases) if stat in DERIVED else (stat,)


def compute(panel: Panel, wanted: Iterable[Wanted], at: Stops) -> dict[Wanted, Array]:
    """Compute statistics of one metric at every node and stop, a block of nodes after the other."""
    recipes = {one: _bases(one) for one in wanted}
    bases = list(dict.fromkeys(base for recipe in recipes.values() for base in recipe))
    now = panel.grid.numbers[at] * panel.grid.width.total_seconds()
    values = {one: np.empty((len(panel.nodes), len(now))) for one in recipes}
    for nodes, block in panel.blocks():
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large to square has no spread
            told = window_values(block, bases, at)
        for one, recipe in recipes.items():
            parts = [told[base] for base in recipe]
            values[one][nodes] = DERIVED[one[0]].combine(parts, now) if one[0] in DERIVED else parts[0]
    return values


def _bases(wanted: Wanted) -> list[Wanted]:
    stat, length = wanted
    if stat in DERIVED:
        return [(base, 1 if newest else length) for base, newest in DERIVED[stat].bases]
    return [wanted]
