"""Features of a node's own events: failures, maintenance, and its time in service."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from features.events import age_rates
from features.events.history import EventStatistic
from features.feature import EVER, FAILURES, FAILURES_OF, FLEET, TIMES_FLEET, Feature
from features.phrase import Phrase, ValueFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.catalogue.fleet_capabilities import FleetCapabilities
    from features.grid import Array, Index

MAINTENANCE: Final = "maintenance"
NODE: Final = "node"
RATE_WINDOWS: Final = (timedelta(days=90), timedelta(days=365), EVER)
NEVER_FAILED: Final = "never failed"


def as_float(count: Index) -> Array:
    """Turn whole numbers into float64."""
    return count.astype(np.float64)


def failure_features(fleet: FleetCapabilities) -> Iterator[Feature]:
    """List the features of a node's own failures."""
    for window in (*fleet.history.node, EVER):
        yield Feature(
            FAILURES,
            EventStatistic("count", lambda history, window: as_float(history.failures.count(window))),
            window,
            "failures",
            "a node that failed recently fails again",
            Phrase(
                "failed {times}{within}{normal}{last}", zero="did not fail{within}", format=ValueFormat.WITHOUT_UNIT
            ),
        )
    for window in RATE_WINDOWS:
        yield Feature(
            FAILURES,
            EventStatistic("relative_rate", lambda history, window: history.relative_rate(window)),
            window,
            TIMES_FLEET,
            "some nodes fail more often than the fleet throughout their lives (lemons)",
            Phrase("fails {value} times as often as the fleet{over}{normal}{last}", format=ValueFormat.MULTIPLE),
        )
    yield Feature(
        FAILURES,
        EventStatistic("days_since_start", lambda history, _: history.days_since(history.failures.latest_start())),
        EVER,
        "d",
        "the hazard falls with the time since a failure",
        Phrase("last failed {value} ago{on}", missing=NEVER_FAILED, format=ValueFormat.DAYS),
    )
    yield Feature(
        FAILURES,
        EventStatistic("days_since_end", lambda history, _: history.days_since(history.repaired.latest_end())),
        EVER,
        "d",
        "the first days back in service are the riskiest",
        Phrase("back for {value} since the last failure", missing=NEVER_FAILED, format=ValueFormat.DAYS),
    )
    yield Feature(
        FAILURES,
        EventStatistic("mean_repair_hours", lambda history, _: history.mean_repair_hours()),
        EVER,
        "h",
        "long repairs are a sign of hardware faults",
        Phrase("takes {value} to repair on average", missing=NEVER_FAILED, format=ValueFormat.HOURS),
    )


def service_features(fleet: FleetCapabilities) -> Iterator[Feature]:
    """List the features of a node's maintenance and time in service, and of the whole fleet's failures."""
    for days in (7, 30, 90):
        yield Feature(
            MAINTENANCE,
            EventStatistic("count", lambda history, window: as_float(history.maintenance.count(window))),
            timedelta(days=days),
            "events",
            "work on a node breaks it, or repairs it",
            Phrase(
                "maintained {times}{within}{normal}{last}",
                zero="not maintained{within}",
                format=ValueFormat.WITHOUT_UNIT,
            ),
        )
    yield Feature(
        MAINTENANCE,
        EventStatistic("days_since_start", lambda history, _: history.days_since(history.maintenance.latest_start())),
        EVER,
        "d",
        "new parts and new software fail early",
        Phrase("last maintained {value} ago{on}", missing="never maintained", format=ValueFormat.DAYS),
    )
    yield Feature(
        NODE,
        EventStatistic("days_up", lambda history, _: history.days_up()),
        EVER,
        "d",
        "time in service since the last event",
        Phrase("in service for {value} since the last event", format=ValueFormat.DAYS),
    )
    yield Feature(
        NODE,
        EventStatistic("days_observed", lambda history, _: history.days_observed()),
        EVER,
        "d",
        "infant mortality and wear",
        Phrase("known for {value}", format=ValueFormat.DAYS),
    )
    yield Feature(
        NODE,
        EventStatistic("relative_rate_at_age", lambda history, _: age_rates.relative_rate(history)),
        EVER,
        TIMES_FLEET,
        "the ages at which nodes failed in the past",
        Phrase("nodes of its age fail {value} times as often as the fleet", format=ValueFormat.MULTIPLE),
    )
    for window in fleet.history.fleet:
        yield Feature(
            FLEET,
            EventStatistic("failure_rate", lambda history, window: history.fleet_rate(window)),
            window,
            "1/d",
            "a bad time of the whole fleet",
        )


def _count_of(cause: str) -> EventStatistic:
    return EventStatistic("count", lambda history, window: as_float(history.failures_of(cause).count(window)))


def cause_features(fleet: FleetCapabilities) -> Iterator[Feature]:
    """List the features of a node's failures by cause."""
    for cause in fleet.causes:
        for days in (30, 365):
            yield Feature(
                f"{FAILURES_OF}{cause}",
                _count_of(cause),
                timedelta(days=days),
                "failures",
                "causes repeat at their own pace",
                Phrase(
                    "failed {times} ({cause}){within}{normal}{last}",
                    zero="no failure ({cause}){within}",
                    format=ValueFormat.WITHOUT_UNIT,
                ),
            )
