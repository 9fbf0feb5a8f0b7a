"""Features of metrics that report only when they change: error counters, levels, and several of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from data.schema import COUNTERS, Metric, MetricKind
from features.feature import EVER, OF_ONE, Feature
from features.phrase import Phrase, ValueFormat
from features.telemetry.on_change import CombinedStatistic, OnChangeStatistic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from features.catalogue.fleet_capabilities import FleetCapabilities
    from features.grid import Array
    from features.telemetry.on_change import Column, KnownValues


NEVER_KNOWN: Final = "{metric}: not known since when above zero"


def _growth(column: str) -> Callable[[KnownValues, KnownValues], Array]:
    """Return the difference of a running sum over the window; a node without an earlier value counts from its first."""
    return lambda now, then: now.take(column) - then.take(column, missing=0.0)


def _days_since(column: str) -> Callable[[KnownValues, KnownValues], Array]:
    return lambda now, _: now.hours_since(column) / 24


def _time_weighted_mean(now: KnownValues, then: KnownValues) -> Array:
    """Return the mean of the value, weighted by how long each value held inside the window."""
    span = np.minimum(now.bucket - now.first_known(), now.bucket - then.bucket)
    area = now.area() - np.nan_to_num(then.area())
    return np.asarray(area / np.where(span > 0, span, np.nan))


LAST = OnChangeStatistic("last", lambda now, _: now.take("value"))
MAX = OnChangeStatistic("max", lambda now, _: now.take("highest"))
MEAN = OnChangeStatistic("mean", _time_weighted_mean)
INCREASE = OnChangeStatistic("increase", _growth("risen"))
RISES = OnChangeStatistic("rises", _growth("rises"))
RISES_SO_FAR = OnChangeStatistic("rises_so_far", lambda now, _: now.take("rises"))
DAYS_SINCE_FIRST = OnChangeStatistic("days_since_first", _days_since("above"))  # NaN if its first value is above zero
DAYS_SINCE_RISE = OnChangeStatistic("days_since_rise", _days_since("last_rise"))
DAYS_SINCE_CHANGE = OnChangeStatistic("days_since_change", _days_since("time"))


def on_change_features(metric: Metric, fleet: FleetCapabilities) -> Iterator[Feature]:
    """List the features of a counter or a level that is reported when it changes."""
    name, unit, windows = metric.name, metric.unit, fleet.windows
    yield Feature(name, LAST, EVER, unit, "the count so far", Phrase("{metric} at {value}"))
    yield Feature(name, MAX, EVER, unit, "the worst so far", Phrase("{metric} up to {value}"))
    yield Feature(
        name,
        DAYS_SINCE_FIRST,
        EVER,
        "d",
        "a device with errors gets more of them; an old error may have been repaired",
        Phrase("{metric} first above zero {value} ago", missing=NEVER_KNOWN, format=ValueFormat.DAYS),
    )
    yield Feature(
        name,
        DAYS_SINCE_RISE,
        EVER,
        "d",
        "errors that are recent",
        Phrase("{metric} last rose {value} ago", missing="{metric} never rose", format=ValueFormat.DAYS),
    )
    yield Feature(
        name,
        DAYS_SINCE_CHANGE,
        EVER,
        "d",
        "a metric that moves",
        Phrase("{metric} last changed {value} ago", missing="{metric} never changed", format=ValueFormat.DAYS),
    )
    yield Feature(
        name,
        RISES_SO_FAR,
        EVER,
        "rises",
        "errors that came once, or again and again",
        Phrase("{metric} rose {times}", zero="{metric} never rose", format=ValueFormat.WITHOUT_UNIT),
    )
    for window in windows:
        rose = Phrase("{metric} rose by {value}{within}", zero="{metric} did not rise{within}")
        yield Feature(name, INCREASE, window, unit, "how fast errors come", rose)
        rose = Phrase(
            "{metric} rose {times}{within}", zero="{metric} did not rise{within}", format=ValueFormat.WITHOUT_UNIT
        )
        yield Feature(name, RISES, window, "rises", "how often errors come", rose)
    yield Feature(name, MEAN, windows[-1], unit, "the usual level", Phrase("{metric} {value}{average}"))
    for peer in fleet.ranked_among:
        yield Feature(name, LAST, EVER, OF_ONE, "some hardware counts errors that mean nothing", peer=peer)
        middle = windows[len(windows) // 2]
        yield Feature(name, INCREASE, middle, OF_ONE, "a rise that all its peers share is no alarm", peer=peer)


def _is_above_zero(values: Array) -> Array:
    return np.where(np.isnan(values), np.nan, values > 0)


def _sum(first: Column, second: Column) -> Column:
    """Add what is known: small whole numbers, exact in any order."""
    return np.where(np.isnan(first), second, first + np.nan_to_num(second))


def _least(first: Column, second: Column) -> Column:
    return np.fmin(first, second)


COUNTERS_ABOVE_ZERO = CombinedStatistic("above_zero", LAST, _is_above_zero, _sum)
COUNTERS_RISING = CombinedStatistic("rising", INCREASE, _is_above_zero, _sum)
DAYS_SINCE_ANY_ROSE = CombinedStatistic("days_since_rise", DAYS_SINCE_RISE, lambda values: values, _least)


def combined_features(fleet: FleetCapabilities) -> Iterator[Feature]:
    """List what a fleet's on-change metrics show together, if there are several."""
    metrics = tuple(m.name for m in fleet.metrics if m.sampling == "on_change" and m.kind is not MetricKind.AGE)
    if len(metrics) < 2:  # noqa: PLR2004  - one metric has features of its own
        return
    unknown = "no counter is known"
    yield Feature(
        COUNTERS,
        COUNTERS_ABOVE_ZERO,
        EVER,
        "metrics",
        "several kinds of errors mean more than many of one kind",
        Phrase("{value} of its counters above zero", missing=unknown, format=ValueFormat.WITHOUT_UNIT),
        combines=metrics,
    )
    yield Feature(
        COUNTERS,
        DAYS_SINCE_ANY_ROSE,
        EVER,
        "d",
        "errors of any kind that are recent",
        Phrase("{metric} last rose {value} ago", missing="{metric} never rose", format=ValueFormat.DAYS),
        combines=metrics,
    )
    for window in fleet.windows:
        yield Feature(
            COUNTERS,
            COUNTERS_RISING,
            window,
            "metrics",
            "several kinds of errors at once",
            Phrase(
                "{value} of its counters rose{within}",
                zero="no counter rose{within}",
                missing=unknown,
                format=ValueFormat.WITHOUT_UNIT,
            ),
            combines=metrics,
        )
