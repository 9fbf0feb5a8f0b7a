"""Features of idle spells: the share of a window in which a node had no work, and for how long it has had none."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from features.feature import OF_ONE, Feature, Peer
from features.phrase import Phrase, ValueFormat
from features.telemetry.aggregates import NAN, AggregateFamily, Parts
from features.telemetry.window_statistics import WindowStatistic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from data.schema import Metric
    from features.catalogue.fleet_capabilities import FleetCapabilities
    from features.feature import Catalogue
    from features.grid import Array

SHARE: Final = "idle_share"
HOURS: Final = "idle_hours"
BELOW: Final = "_below_"


def idle_features(metric: Metric, fleet: FleetCapabilities, below: float) -> Iterator[Feature]:
    """List the features of a gauge that is below a value while its node has no work."""
    share, hours, longest = idle_share(below), idle_hours(below), fleet.windows[-1]
    for window in fleet.windows[1:]:
        yield Feature(
            metric.name,
            share,
            window,
            "share",
            "the scheduler, or a person, sends no work to the node",
            Phrase(
                "idle {value} of the time{over} ({metric} below {below})",
                zero="never idle{within} ({metric} below {below})",
                format=ValueFormat.PERCENT,
            ),
        )
    yield Feature(
        metric.name,
        hours,
        longest,
        "h",
        "a node that gets no work may be failing already, or about to be worked on",
        Phrase("idle for {value} ({metric} below {below})", zero="not idle now ({metric})", format=ValueFormat.HOURS),
    )
    yield Feature(metric.name, hours, longest, OF_ONE, "idle longer than the fleet", peer=Peer.RANK)


def idle_share(below: float) -> WindowStatistic:
    """Return the share of the window's buckets with samples in which the metric was below a value on average."""
    return WindowStatistic(_name(SHARE, below), _family(below), _share)


def idle_hours(below: float) -> WindowStatistic:
    """Return the length of the run of such buckets that ends with the newest one, as far as the window reaches."""
    return WindowStatistic(_name(HOURS, below), _family(below), _hours)


def threshold_of(statistic: str) -> float | None:
    """Read the value below which a bucket is idle from a statistic's name; None if it is not of idle spells."""
    kind, _, below = statistic.partition(BELOW)
    try:
        return float(below) if kind in {SHARE, HOURS} else None
    except ValueError:
        return None


def of_rows(catalogue: Catalogue, features: NDArray[np.float32]) -> Array | None:
    """Return whether each row's node was idle in the newest bucket with samples, by every metric that shows it.

    Returns:
        1 idle, 0 busy, NaN unknown; None if the catalogue has no feature of idle spells.
    """
    hours_idle = [
        features[:, column]
        for column, feature in enumerate(catalogue.features)
        if not feature.peer and feature.statistic.name.startswith(f"{HOURS}{BELOW}")
    ]
    if not hours_idle:
        return None
    return np.asarray(np.fmin.reduce([np.where(np.isnan(hours), np.nan, hours > 0) for hours in hours_idle]))


def _name(kind: str, below: float) -> str:
    """Name a statistic: idle_share_below_5."""
    return f"{kind}{BELOW}{float(below)}".removesuffix(".0")


@cache
def _family(below: float) -> AggregateFamily:
    """Return the aggregates from which idle spells are computed.

    They are: how many buckets have samples, how many of them are busy, then the number of the last busy one, and
    of the first and the last one with samples. A bucket of which parts came late is idle if each part is.
    """

    def lift(raw: Parts, numbers: Array) -> Parts:
        n, mean = raw
        sampled, busy = n > 0, (n > 0) & (mean >= below)
        number = np.broadcast_to(numbers, n.shape)
        last_busy, last_sampled = np.where(busy, number, NAN), np.where(sampled, number, NAN)
        return sampled.astype(np.float64), busy.astype(np.float64), last_busy, last_sampled, last_sampled

    return AggregateFamily(_name(SHARE, below), ("n", "mean"), (0, 0, NAN, NAN, NAN), lift, _merge, _join)


def _merge(old: Parts, new: Parts) -> Parts:
    return old[0] + new[0], old[1] + new[1], *_ends(old, new)


def _join(first: Parts, second: Parts) -> Parts:
    return np.maximum(first[0], second[0]), np.maximum(first[1], second[1]), *_ends(first, second)


def _ends(first: Parts, second: Parts) -> Parts:
    return np.fmax(first[2], second[2]), np.fmin(first[3], second[3]), np.fmax(first[4], second[4])


def _share(parts: Parts, _length: int, _per_day: float) -> Array:
    sampled, busy, *_ = parts
    return np.where(sampled > 0, 1 - busy / np.maximum(sampled, 1), np.nan)


def _hours(parts: Parts, _length: int, per_day: float) -> Array:
    _, _, last_busy, first_sampled, last_sampled = parts
    return (last_sampled - np.fmax(last_busy, first_sampled - 1)) * (24 / per_day)
