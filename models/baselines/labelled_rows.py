"""The training rows of a baseline, for one horizon, and what it forecasts with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
SHARE_WITHOUT_ROWS = 1e-12
Forecast = Callable[[Matrix], Floats]  # from rows x columns to a probability for each row


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Features, label (0 or 1) and weight of training rows."""

    features: Matrix
    label: Floats
    weight: Floats

    @property
    def has_both(self) -> bool:
        """Whether some rows fail and some do not."""
        return bool(np.any(self.label == 1) and np.any(self.label == 0))

    @property
    def failing_share(self) -> float:
        """The weighted share of rows that fail."""
        return float(np.average(self.label, weights=self.weight)) if len(self.label) else SHARE_WITHOUT_ROWS

    def forecast_share(self, values: Matrix) -> Floats:
        """Give every row the share of training rows that fail."""
        return np.full(len(values), self.failing_share)
