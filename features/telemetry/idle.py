"""Idle spells: how much of a window a node had no work in, and how long it has had none."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from features.telemetry.aggregates import NAN, AggregateFamily, Parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.feature import Catalogue
    from features.grid import Array

SHARE: Final = "idle_share"
HOURS: Final = "idle_hours"
BELOW: Final = "_below_"


def name(kind: str, below: float | str = "<value>") -> str:
    """Name a statistic: idle_share_below_5."""
    return f"{kind}{BELOW}{below}".removesuffix(".0")


def idle_share(below: float) -> str:
    """Name the share of the seen buckets in which the metric was below a value on average."""
    return name(SHARE, float(below))


def idle_hours(below: float) -> str:
    """Name the length of the spell of such buckets that ends with the newest one seen, as far as the window reaches."""
    return name(HOURS, float(below))


def parse(statistic: str) -> tuple[str, float] | None:
    """Tell which statistic of idle spells a name means, and the value below which a bucket is idle; None if none."""
    kind, between, below = statistic.partition(BELOW)
    if not between or kind not in VALUES:
        return None
    try:
        return kind, float(below)
    except ValueError:
        return None


def kind_of(statistic: str) -> str:
    """Name a statistic without the value below which a bucket is idle; any other is its own name."""
    return (parse(statistic) or (statistic,))[0]


@cache
def family(below: float) -> AggregateFamily:
    """Give the aggregates: buckets seen, those not idle, and the numbers of the last of these, the first and last seen.

    A bucket of which parts came late is idle if each part is.
    """

    def lift(raw: Parts, numbers: Array) -> Parts:
        n, mean = raw
        seen, busy = n > 0, (n > 0) & (mean >= below)
        number = np.broadcast_to(numbers, n.shape)
        last_busy, at = np.where(busy, number, NAN), np.where(seen, number, NAN)
        return seen.astype(np.float64), busy.astype(np.float64), last_busy, at, at

    return AggregateFamily(("n", "mean"), (0, 0, NAN, NAN, NAN), lift, _merge, _join)


def of_rows(catalogue: Catalogue, features: NDArray[np.float32]) -> Array | None:
    """Say of each row whether its node was idle in the newest bucket seen, by every metric that tells.

    Returns:
        1 idle, 0 at work, NaN not known; None if the catalogue tells of no idle spell.
    """
    told = [
        features[:, at]
        for at, feature in enumerate(catalogue.features)
        if not feature.peer and kind_of(feature.stat) == HOURS
    ]
    if not told:
        return None
    return np.asarray(np.fmin.reduce([np.where(np.isnan(hours), np.nan, hours > 0) for hours in told]))


def _merge(old: Parts, new: Parts) -> Parts:
    return old[0] + new[0], old[1] + new[1], *_ends(old, new)


def _join(one: Parts, other: Parts) -> Parts:
    return np.maximum(one[0], other[0]), np.maximum(one[1], other[1]), *_ends(one, other)


def _ends(one: Parts, other: Parts) -> Parts:
    return np.fmax(one[2], other[2]), np.fmin(one[3], other[3]), np.fmax(one[4], other[4])


def _share(parts: Parts, _length: int, _per_day: float) -> Array:
    seen, busy, *_ = parts
    return np.where(seen > 0, 1 - busy / np.maximum(seen, 1), np.nan)


def _hours(parts: Parts, _length: int, per_day: float) -> Array:
    _, _, last_busy, first, last = parts
    return (last - np.fmax(last_busy, first - 1)) * (24 / per_day)


VALUES: Final = {SHARE: _share, HOURS: _hours}
