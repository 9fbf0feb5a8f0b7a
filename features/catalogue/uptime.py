"""Features of how long a node, or a device in it, has been running: boot times and hours counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.feature import EVER, OF_ONE, Feature, Peer
from features.phrase import Phrase, ValueFormat
from features.telemetry.on_change import OnChangeStatistic
from features.telemetry.window_statistics import LAST, MAX, MIN, DerivedStatistic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.schema import Metric
    from features.catalogue.fleet_capabilities import FleetCapabilities
    from features.grid import Array
    from features.telemetry.on_change import KnownValues

SECONDS_PER_HOUR = 3_600.0


def _hours_running(now: KnownValues, _then: KnownValues) -> Array:
    """Return the hours counted by now: the count goes on while nothing is reported."""
    return now.take("value") + now.hours_since("time")


UPTIME = DerivedStatistic("uptime", ((LAST, False),), lambda boots, now: (now - boots[0]) / SECONDS_PER_HOUR)
SPAN = DerivedStatistic("span", ((MAX, False), (MIN, False)), lambda boots, _: (boots[0] - boots[1]) / SECONDS_PER_HOUR)
RUNNING = OnChangeStatistic("running", _hours_running)


def boot_time_features(metric: Metric, fleet: FleetCapabilities) -> Iterator[Feature]:
    """List the features of a sampled boot time."""
    name, longest = metric.name, fleet.windows[-1]
    up = Phrase("up for {value} since the last boot", missing="no boot is known", format=ValueFormat.HOURS)
    yield Feature(name, UPTIME, longest, "h", "leaks and wear since the last boot", up)
    yield Feature(name, UPTIME, longest, OF_ONE, "up longer than the fleet", peer=Peer.RANK)
    for window in fleet.windows[1:]:
        yield Feature(
            name,
            SPAN,
            window,
            "h",
            "boots within the window",
            Phrase(
                "rebooted{within}, {value} after the previous boot",
                zero="not rebooted{within}",
                format=ValueFormat.HOURS,
            ),
        )


def age_features(metric: Metric, fleet: FleetCapabilities) -> Iterator[Feature]:
    """List the features of sampled hours in operation."""
    yield Feature(metric.name, LAST, fleet.windows[-1], "h", "infant mortality and wear", Phrase("{metric} at {value}"))


def on_change_age_features(metric: Metric, fleet: FleetCapabilities) -> Iterator[Feature]:
    """List the features of hours in operation that are reported now and then."""
    at_hours = Phrase("{metric} at {value}", format=ValueFormat.HOURS)
    yield Feature(metric.name, RUNNING, EVER, "h", "infant mortality and wear", at_hours)
    for peer in fleet.ranked_among:
        yield Feature(metric.name, RUNNING, EVER, OF_ONE, "older than its peers", peer=peer)
