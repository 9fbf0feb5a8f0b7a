"""Features of what a node shares with others: its rack, its hardware model, the nodes next to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.catalogue.failures import RATE_WINDOWS, as_float
from features.events import age_rates
from features.events.history import EventStatistic
from features.feature import EVER, TIMES_FLEET, Feature
from features.phrase import Phrase, ValueFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from features.catalogue.fleet_capabilities import FleetCapabilities

RACK, HARDWARE, NEIGHBOURS = "rack", "hardware", "neighbours"


def group_features(fleet: FleetCapabilities) -> Iterator[Feature]:
    """List the features of the groups that the inventory distinguishes."""
    if fleet.has_racks:
        yield from _failures_in(RACK, fleet.history.group)
    if fleet.has_hardware:
        yield from _failures_in(HARDWARE, fleet.history.group)
        yield Feature(
            HARDWARE,
            EventStatistic("relative_rate_at_age", lambda history, _: age_rates.relative_rate_of_hardware(history)),
            EVER,
            TIMES_FLEET,
            "each hardware model has its own infant mortality and wear",
            Phrase("{group} fails {value} times as often as all nodes of that age", format=ValueFormat.MULTIPLE),
        )
    if fleet.has_racks:
        yield from _neighbour_features(fleet.history.neighbours)


def _failures_in(group: str, windows: tuple[timedelta, ...]) -> Iterator[Feature]:
    for count_window in windows:
        yield Feature(
            group,
            EventStatistic("failures", lambda history, window: history.failures_in_group(group, window)),
            count_window,
            "failures",
            f"a fault that one node of a {group} has, its neighbours have too",
            Phrase("{group}: {failures}{within}", format=ValueFormat.WITHOUT_UNIT),
        )
    for window in RATE_WINDOWS:
        yield Feature(
            group,
            EventStatistic("relative_rate", lambda history, window: history.relative_group_rate(group, window)),
            window,
            TIMES_FLEET,
            f"some {group} values fail more than others",
            Phrase("{group} fails {value} times as often as the fleet{over}", format=ValueFormat.MULTIPLE),
        )


def _neighbour_features(windows: tuple[timedelta, ...]) -> Iterator[Feature]:
    for window in windows:
        yield Feature(
            RACK,
            EventStatistic("failures_of_others", lambda history, window: history.failures_of_others(RACK, window)),
            window,
            "failures",
            "failures around a node that are not its own: power, cooling, a switch",
            Phrase("{group}: {failures} of other nodes{within}", format=ValueFormat.WITHOUT_UNIT),
        )
        yield Feature(
            NEIGHBOURS,
            EventStatistic("failures", lambda history, window: as_float(history.neighbours.count(window))),
            window,
            "failures",
            "a cause that adjacent nodes share",
            Phrase("the nodes next to it: {failures}{within}", format=ValueFormat.WITHOUT_UNIT),
        )
    yield Feature(
        NEIGHBOURS,
        EventStatistic("days_since_start", lambda history, _: history.days_since(history.neighbours.latest_start())),
        EVER,
        "d",
        "trouble next to the node, and how recent it is",
        Phrase(
            "a node next to it last failed {value} ago",
            missing="no node next to it ever failed",
            format=ValueFormat.DAYS,
        ),
    )
