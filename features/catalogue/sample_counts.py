"""Features of counts of samples received: how completely a node reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from features.feature import OF_ONE, TIMES_FLEET, Feature, Peer
from features.phrase import Phrase, ValueFormat
from features.telemetry.aggregates import SEEN
from features.telemetry.window_statistics import MEAN, MIN, WindowStatistic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.schema import Metric
    from features.catalogue.fleet_capabilities import FleetCapabilities
    from features.grid import Array
    from features.telemetry.aggregates import Parts

NO_SAMPLES: Final = "sends no samples{within} ({metric})"
SHARE_SENT = Phrase(
    "sends {value} of the samples that the fleet does{over} ({metric})", "", NO_SAMPLES, NO_SAMPLES, ValueFormat.PERCENT
)


def _share_seen(parts: Parts, length: int, _per_day: float) -> Array:
    return parts[0] / length


SHARE_SEEN = WindowStatistic("seen", SEEN, _share_seen)  # share of the window's buckets that hold a sample


def sample_count_features(metric: Metric, fleet: FleetCapabilities) -> Iterator[Feature]:
    """List the features of a count of samples."""
    name, unit = metric.name, metric.unit
    now, *longer = fleet.windows
    yield Feature(name, MEAN, now, TIMES_FLEET, "missing samples, compared with the fleet's", SHARE_SENT, Peer.RATIO)
    yield Feature(name, MEAN, now, OF_ONE, "the nodes that send least, however little is missing", peer=Peer.RANK)
    if fleet.has_racks:
        for window in fleet.windows[:2]:
            yield Feature(name, MEAN, window, unit, "samples that its own rack did not lose", peer=Peer.RACK)
    for window in longer:
        yield Feature(name, MEAN, window, TIMES_FLEET, "a node that often loses samples", SHARE_SENT, Peer.RATIO)
        yield Feature(
            name,
            MIN,
            window,
            TIMES_FLEET,
            "the deepest dip in coverage",
            Phrase(
                "always sent at least {value} of the samples that the fleet does{within} ({metric})",
                "",
                NO_SAMPLES,
                NO_SAMPLES,
                ValueFormat.PERCENT,
            ),
            Peer.RATIO,
        )
        yield Feature(
            name,
            SHARE_SEEN,
            window,
            "share",
            "a sensor or a node that stops reporting",
            Phrase(
                "reports {value} as often as the fleet{over} ({metric})",
                "",
                NO_SAMPLES,
                NO_SAMPLES,
                ValueFormat.PERCENT,
            ),
            Peer.RATIO,
        )
