"""Statistics that combine windows: the level now against the usual one, uptime, boots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from features.windows import STATISTICS, window_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from features.catalogue import Feature
    from features.merging import Array
    from features.panel import Panel

SECONDS_PER_HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class Derived:
    """A statistic made of others: (base statistic, over one bucket rather than the window) in order."""

    bases: tuple[tuple[str, bool], ...]
    combine: Callable[[list[Array], Array], Array]  # the bases' values, and each column's Unix time in seconds


DERIVED = {
    "change": Derived((("mean", True), ("mean", False)), lambda v, _: v[0] - v[1]),
    "uptime": Derived((("last", False),), lambda v, now: (now - v[0]) / SECONDS_PER_HOUR),
    "span": Derived((("max", False), ("min", False)), lambda v, _: (v[0] - v[1]) / SECONDS_PER_HOUR),
    "silence": Derived((("last_ts", False),), lambda v, now: (now - v[0] / 1e6) / SECONDS_PER_HOUR),
}


def base_statistics(stat: str) -> tuple[str, ...]:
    """List the window statistics that a statistic is made of."""
    return tuple(base for base, _ in DERIVED[stat].bases) if stat in DERIVED else (stat,)


def compute(panel: Panel, metric: str, features: list[Feature]) -> Iterator[tuple[Feature, Array]]:
    """Compute features of one metric, without their peers, at every node and bucket end."""
    recipes = {feature: _recipe(panel, feature) for feature in features}
    wanted = list(dict.fromkeys(base for bases in recipes.values() for base in bases))
    values = window_values(panel, metric, wanted)
    now = panel.grid.numbers * panel.grid.width.total_seconds()
    for feature, bases in recipes.items():
        if feature.stat in DERIVED:
            yield feature, DERIVED[feature.stat].combine([values[base] for base in bases], now)
        else:
            yield feature, values[bases[0]]


def _recipe(panel: Panel, feature: Feature) -> list[tuple[str, int]]:
    assert feature.window is not None, "window features have a window"
    length = panel.grid.length(feature.window)
    if feature.stat in DERIVED:
        return [(base, 1 if newest else length) for base, newest in DERIVED[feature.stat].bases]
    assert feature.stat in STATISTICS, feature.stat
    return [(feature.stat, length)]
