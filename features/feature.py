"""What a feature is: one named number per node and cutoff time, with its computation and its phrase in one row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Final, Protocol

from data.durations import parse_duration
from data.schema import SEPARATOR
from data.time_grid import DAY, HOUR
from features.phrase import BY_NAME, Phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FAILURES = "failures"
FLEET = "fleet"  # a feature of this metric is the same for all nodes
FAILURES_OF = f"{FAILURES}_"  # followed by a cause
EVER = None  # the window over the whole past
TIMES_FLEET = "x fleet"  # the unit of a multiple of the fleet's value
OF_ONE = "of 1"  # the unit of a rank
ROBUST_SD = "robust sd"  # the unit of a robust standard deviation
MINUTE: Final = timedelta(minutes=1)


class Origin(StrEnum):
    """Which records a feature is computed from, and so which executor computes it."""

    SAMPLED = "sampled"  # buckets of a sampled metric
    ON_CHANGE = "on_change"  # changes of an on-change metric
    HISTORY = "history"  # events and inventory


class Peer(StrEnum):
    """How a value is compared with the peers' at the same time."""

    NONE = ""
    FLEET = "vs_fleet"  # robust standard deviations from the fleet's median
    RATIO = "of_fleet"  # multiple of the fleet's median
    RANK = "rank"  # rank in the fleet, 0 to 1
    RACK = "vs_rack"  # distance from the rack's median
    HARDWARE = "rank_in_hardware"  # rank among the nodes of the same hardware, 0 to 1


class Statistic(Protocol):
    """A computation and its name, which is part of the names of its features."""

    @property
    def name(self) -> str:
        """The middle part of a feature's name."""
        ...

    @property
    def origin(self) -> Origin:
        """The records that it reads."""
        ...


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of the catalogue."""

    metric: str
    statistic: Statistic
    window: timedelta | None  # None: the whole past
    unit: str
    why: str  # the reason to expect that it predicts failures
    phrase: Phrase = BY_NAME
    peer: Peer = Peer.NONE
    combines: tuple[str, ...] = ()  # the metrics that a combined feature is made of

    @property
    def name(self) -> str:
        """`<metric>__<statistic>__<window>`."""
        statistic = f"{self.statistic.name}_{self.peer}" if self.peer else self.statistic.name
        return SEPARATOR.join((self.metric, statistic, window_name(self.window)))

    @property
    def origin(self) -> Origin:
        """Which records the feature is computed from."""
        return self.statistic.origin


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Features in a fixed order."""

    features: tuple[Feature, ...]
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(feature.name for feature in self.features))

    def only(self, *origins: Origin, metrics: Iterable[str] = ()) -> Catalogue:
        """Keep the features of some origins, and those of some metrics."""
        names = set(metrics)
        return Catalogue(tuple(f for f in self.features if f.origin in origins or f.metric in names))

    @property
    def columns(self) -> dict[str, int]:
        """The column of each feature in a matrix of rows x features, by name."""
        return {name: column for column, name in enumerate(self.names)}


def by_metric(features: Iterable[Feature]) -> Iterator[tuple[str, list[Feature]]]:
    """Group features by metric, metrics in alphabetical order."""
    ordered = sorted(features, key=lambda feature: feature.metric)
    for metric, group in groupby(ordered, key=lambda feature: feature.metric):
        yield metric, list(group)


def window_name(window: timedelta | None) -> str:
    """Name a window: 7d, 6h, 5m, 30s, or 'ever'."""
    if window is None:
        return "ever"
    for unit, length in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if not window % length:
            return f"{window // length}{unit}"
    return f"{window.total_seconds():f}".rstrip("0").rstrip(".") + "s"


def window_in(name: str) -> timedelta | None:
    """Return the window in a feature's name, as `window_name` wrote it; None if it has none, or is the whole past."""
    try:
        return parse_duration(name.rpartition(SEPARATOR)[2])
    except ValueError:
        return None
