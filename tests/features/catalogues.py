"""The catalogue of a fleet that has every kind of metric, group and cause, for tests of every feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.telemetry.on_change import CombinedStatistic, OnChangeStatistic
from features.telemetry.window_statistics import DerivedStatistic, WindowStatistic
from tests.features.synthetic import METRICS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from features.telemetry.window_statistics import SampledStatistic

DAY = timedelta(days=1)
FLEET = FleetCapabilities(METRICS, (DAY, 7 * DAY, 30 * DAY), has_racks=True, has_hardware=True, causes=("fan", "gpu"))
EVERYTHING = build(FLEET)


def sampled_statistics() -> list[SampledStatistic]:
    """List the statistics of sampled metrics, including those from which others are derived."""
    statistics = [
        feature.statistic
        for feature in EVERYTHING.features
        if isinstance(feature.statistic, WindowStatistic | DerivedStatistic)
    ]
    bases = [base for statistic in statistics for base, _ in statistic.bases(1)]
    return list(dict.fromkeys([*statistics, *bases]))


def on_change_statistics() -> list[OnChangeStatistic]:
    """List the statistics of on-change metrics, including those that are combined."""
    statistics = [feature.statistic for feature in EVERYTHING.features]
    bases = [statistic.base if isinstance(statistic, CombinedStatistic) else statistic for statistic in statistics]
    return list(dict.fromkeys(statistic for statistic in bases if isinstance(statistic, OnChangeStatistic)))


def require_references(references: Collection[str], statistics: Iterable[str]) -> None:
    """Fail with the names of the statistics that a suite has no loop to compare with."""
    missing = sorted(set(statistics) - set(references))
    assert not missing, f"no loop reference for statistic {', '.join(missing)}: add its line to this suite's loop"
