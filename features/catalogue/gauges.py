"""Features of sampled levels: temperature, power, load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.catalogue.idle_spells import idle_features
from features.feature import ROBUST_SD, Feature, Peer
from features.phrase import Phrase, ValueFormat
from features.telemetry.aggregates import MOMENTS, TREND
from features.telemetry.window_statistics import MAX, MEAN, DerivedStatistic, WindowStatistic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.schema import Metric
    from features.catalogue.fleet_capabilities import FleetCapabilities
    from features.grid import Array
    from features.telemetry.aggregates import Parts

LEVEL = Phrase("{metric} {value}{average}")


def _std(parts: Parts, _length: int, _per_day: float) -> Array:
    """Return the population standard deviation of the samples."""
    n, _, m2, *_ = parts
    return np.where(n > 1, np.sqrt(m2 / np.maximum(n, 1)), np.nan)


def _slope(parts: Parts, _length: int, per_day: float) -> Array:
    """Return the least-squares slope through the bucket means, weighted by their samples, per day."""
    *_, time_m2, co_moment = parts
    return np.where(time_m2 > 0, co_moment / np.where(time_m2 > 0, time_m2, 1.0) * per_day, np.nan)


STD = WindowStatistic("std", MOMENTS, _std)
SLOPE = WindowStatistic("slope", TREND, _slope)
CHANGE = DerivedStatistic("change", ((MEAN, True), (MEAN, False)), lambda means, _: means[0] - means[1])


def gauge_features(metric: Metric, fleet: FleetCapabilities) -> Iterator[Feature]:
    """List the features of a sampled level."""
    name, unit = metric.name, metric.unit
    now, *longer = fleet.windows
    yield Feature(name, MEAN, now, unit, "the level now", LEVEL)
    yield Feature(name, MEAN, now, ROBUST_SD, "a level that its peers do not share", peer=Peer.FLEET)
    if fleet.has_racks:
        yield Feature(name, MEAN, now, unit, "a level that its peers do not share", peer=Peer.RACK)
    for window in longer:
        yield Feature(name, MEAN, window, unit, "the usual level", LEVEL)
        yield Feature(name, STD, window, unit, "unrest", Phrase("{metric} varies by {value}{over}"))
        yield Feature(
            name,
            CHANGE,
            window,
            unit,
            "the level now, compared with the usual one",
            Phrase("{metric} {value} above its mean of {window}", "{metric} {value} below its mean of {window}"),
        )
        yield Feature(
            name,
            SLOPE,
            window,
            f"{unit}/d",
            "drift",
            Phrase(
                "{metric} rising {value} a day{over}",
                "{metric} falling {value} a day{over}",
                missing="{metric}: too few values for a trend{over}",
                format=ValueFormat.PER_DAY,
            ),
        )
        yield Feature(name, MAX, window, unit, "the highest level", Phrase("{metric} up to {value}{within}"))
        yield Feature(name, MEAN, window, ROBUST_SD, "a usual level that its peers do not share", peer=Peer.FLEET)
    if metric.idle_below is not None:
        yield from idle_features(metric, fleet, metric.idle_below)
