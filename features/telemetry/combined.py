"""What several on-change metrics of a node say together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.grid import Array

Column = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CombinedStatistic:
    """A statistic of each metric, and how those of several become one; in any order, NaN where none is known."""

    base: str
    each: Callable[[Array], Array]
    together: Callable[[Column, Column], Column]


def _is_above_zero(values: Array) -> Array:
    return np.where(np.isnan(values), np.nan, values > 0)


def _as_is(values: Array) -> Array:
    return values


def _sum(one: Column, other: Column) -> Column:
    """Add up what is known: small whole numbers, exact in any order."""
    return np.where(np.isnan(one), other, one + np.nan_to_num(other))


def _least(one: Column, other: Column) -> Column:
    return np.fmin(one, other)


JOINT = {
    "above_zero": CombinedStatistic("last", _is_above_zero, _sum),
    "rising": CombinedStatistic("increase", _is_above_zero, _sum),
    "days_since_rise": CombinedStatistic("days_since_rise", _as_is, _least),
}
