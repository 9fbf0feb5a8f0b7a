"""Features of sampled counters: errors, bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.feature import OF_ONE, Feature, Peer
from features.phrase import Phrase
from features.telemetry.window_statistics import INCREASE, LAST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.schema import Metric
    from features.catalogue.fleet_capabilities import FleetCapabilities

ROSE = Phrase("{metric} rose by {value}{within}", zero="{metric} did not rise{within}")


def counter_features(metric: Metric, fleet: FleetCapabilities) -> Iterator[Feature]:
    """List the features of a sampled counter."""
    name, unit = metric.name, metric.unit
    for window in fleet.windows:
        yield Feature(name, INCREASE, window, unit, "errors that are being counted now", ROSE)
        yield Feature(name, INCREASE, window, OF_ONE, "more errors than the peers count", peer=Peer.RANK)
        if fleet.has_racks:
            yield Feature(name, INCREASE, window, unit, "errors of the node, not of its rack's switch", peer=Peer.RACK)
    yield Feature(name, LAST, fleet.windows[-1], unit, "errors so far", Phrase("{metric} at {value}"))
