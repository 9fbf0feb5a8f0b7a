"""What of a node is told as a reason: a value in the metric's own terms, beside the normal range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from features.feature import Feature

SHARES: Final = (0.1, 0.9)  # of the nodes: what lies between is normal
ROUNDING: Final = 1e-6  # relative: features are float32


@dataclass(frozen=True, slots=True)
class Normal:
    """The range that most nodes, or most of a rack, lie in at the same time; NaN: too few to tell."""

    low: float
    high: float
    is_of_rack: bool = False


@dataclass(frozen=True, slots=True)
class Since:
    """When a run began; `or_earlier`: as far back as was looked."""

    when: datetime
    or_earlier: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """One metric's share of a node's score, and the feature that tells most of it."""

    node: str
    feature: Feature  # what the model went by
    own: Feature  # the same in the metric's own unit, if the model went by a distance from the peers
    value: float  # of `own`; NaN: missing
    normal: Normal
    log_odds: float

    @property
    def side(self) -> float:
        """Say where the value lies: above (1), below (-1) or inside (0) the normal range; NaN: unknown."""
        return float(sides(np.array([self.value]), self.normal.low, self.normal.high)[0])


def sides(
    values: NDArray[np.float64], low: NDArray[np.float64] | float, high: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Say where values lie: above (1), below (-1) or inside (0) a range; NaN where either is missing."""
    slack = ROUNDING * np.maximum(np.abs(low), np.abs(high))
    told = (values > high + slack) * 1.0 - (values < low - slack) * 1.0
    return np.where(np.isnan(values) | np.isnan(low) | np.isnan(high), np.nan, told)
