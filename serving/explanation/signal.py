"""What a reason describes: one metric's value on a node, in the metric's own unit, and the normal range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from features.feature import Feature

NORMAL_SHARES: Final = (0.1, 0.9)  # quantiles of the nodes between which a value is normal
ROUNDING: Final = 1e-6  # relative: features are float32


@dataclass(frozen=True, slots=True)
class NormalRange:
    """The range of most nodes, or of most of a rack, at the same time; NaN: too few nodes."""

    low: float
    high: float
    is_of_rack: bool = False


@dataclass(frozen=True, slots=True)
class Onset:
    """When a run began; `or_earlier`: as far back as was searched."""

    when: datetime
    or_earlier: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """One metric's contribution to a node's score, and the feature that contributes most of it."""

    node: str
    feature: Feature  # the feature that the model uses
    shown: Feature  # the same feature in the metric's own unit, if the model uses a comparison with the peers
    value: float  # of `shown`; NaN: missing
    normal: NormalRange
    log_odds: float

    @property
    def side(self) -> float:
        """Above (1), below (-1) or inside (0) the normal range; NaN: unknown."""
        return float(sides(np.array([self.value]), self.normal.low, self.normal.high)[0])


def sides(
    values: NDArray[np.float64], low: NDArray[np.float64] | float, high: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return whether values are above (1), below (-1) or inside (0) a range; NaN where either is missing."""
    slack = ROUNDING * np.maximum(np.abs(low), np.abs(high))
    side = (values > high + slack) * 1.0 - (values < low - slack) * 1.0
    return np.where(np.isnan(values) | np.isnan(low) | np.isnan(high), np.nan, side)
