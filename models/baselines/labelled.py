"""The protocol's fixed baselines: what any model has to beat before anybody should believe it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
NEVER = 1e-12


@dataclass(frozen=True, slots=True)
class Labelled:
    """Training rows of one horizon: features, label (0 or 1) and weight."""

    features: Matrix
    label: Floats
    weight: Floats

    @property
    def has_both(self) -> bool:
        """Tell whether some rows fail and some do not."""
        return bool(np.any(self.label == 1) and np.any(self.label == 0))

    @property
    def rate(self) -> float:
        """Give the weighted share of rows that fail."""
        return float(np.average(self.label, weights=self.weight)) if len(self.label) else NEVER
