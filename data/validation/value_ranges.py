"""The possible values of a metric: from the settings, or else from the physics of its kind and unit."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from data.schema import MetricKind

if TYPE_CHECKING:
    from data.schema import Metric

Range = tuple[float, float]

NEVER_NEGATIVE: Final = (0.0, inf)
# Nothing in a running computer is colder than the coldest air measured on Earth, or hotter than molten solder.
UNITS: Final[dict[str, Range]] = {
    "°c": (-90.0, 300.0),
    "c": (-90.0, 300.0),
    "celsius": (-90.0, 300.0),
    "°f": (-130.0, 572.0),
    "k": (183.0, 573.0),
    "%": (0.0, 100.5),  # sums of rounded shares can exceed 100 slightly
    **dict.fromkeys(("rpm", "w", "kw", "mhz", "ghz", "hz", "j", "kwh"), NEVER_NEGATIVE),
    **dict.fromkeys(("b", "bytes", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib"), NEVER_NEGATIVE),
}
KINDS: Final[dict[MetricKind, Range]] = {
    MetricKind.COUNTER: NEVER_NEGATIVE,
    MetricKind.COUNT: NEVER_NEGATIVE,
    MetricKind.BOOT_TIME: NEVER_NEGATIVE,
    MetricKind.AGE: NEVER_NEGATIVE,
}


def possible_range(metric: Metric) -> Range:
    """Return the smallest and the largest possible value of a metric; infinite where nothing is known."""
    low, high = UNITS.get(metric.unit.strip().lower(), KINDS.get(metric.kind, (-inf, inf)))
    return low if metric.min is None else metric.min, high if metric.max is None else metric.max
