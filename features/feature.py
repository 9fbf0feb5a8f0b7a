"""What a feature is: one named number per node and cutoff time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING

from data.schema import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

FAILURES = "failures"
FLEET = "fleet"  # tells of all nodes alike
FAILURES_OF = f"{FAILURES}_"  # before a cause
EVER = None
TIMES_FLEET = "x fleet"  # the unit of what is a multiple of the fleet's
OF_ONE = "of 1"  # the unit of a rank


class Origin(StrEnum):
    """Which executor computes a feature."""

    WINDOW = "window"  # buckets of a sampled metric
    HELD = "held"  # changes of an on-change metric
    HISTORY = "history"  # events and inventory


class Peer(StrEnum):
    """How a value is set beside its peers at the same time."""

    NONE = ""
    FLEET = "vs_fleet"  # robust standard deviations from the fleet's median
    RATIO = "of_fleet"  # multiple of the fleet's median
    RANK = "rank"  # place in the fleet, 0 to 1
    RACK = "vs_rack"  # distance from the rack's median
    HARDWARE = "rank_in_hardware"  # place among the nodes of the same hardware, 0 to 1


@dataclass(frozen=True, slots=True)
class Feature:
    """One named number per node and cutoff."""

    origin: Origin
    metric: str
    stat: str
    window: timedelta | None  # None: the whole past
    unit: str
    why: str
    peer: Peer = Peer.NONE
    of: tuple[str, ...] = ()  # the metrics that a joint feature is made of

    @property
    def name(self) -> str:
        """`<metric>__<stat>__<window>`."""
        stat = f"{self.stat}_{self.peer}" if self.peer else self.stat
        return SEPARATOR.join((self.metric, stat, window_name(self.window)))


def by_metric(features: Iterable[Feature]) -> Iterator[tuple[str, list[Feature]]]:
    """Part features by metric."""
    ordered = sorted(features, key=lambda feature: feature.metric)
    for metric, own in groupby(ordered, key=lambda feature: feature.metric):
        yield metric, list(own)


def window_name(window: timedelta | None) -> str:
    """Name a window: 7d, 6h, 5m, or 'ever'."""
    if window is None:
        return "ever"
    minutes = int(window.total_seconds() // 60)
    if minutes % 1440 == 0:
        return f"{minutes // 1440}d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Features in a fixed order."""

    features: tuple[Feature, ...]
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(feature.name for feature in self.features))

    def only(self, *origins: Origin, metrics: Iterable[str] = ()) -> Catalogue:
        """Keep the features of some origins, and those of some metrics."""
        wanted = set(metrics)
        return Catalogue(tuple(f for f in self.features if f.origin in origins or f.metric in wanted))
