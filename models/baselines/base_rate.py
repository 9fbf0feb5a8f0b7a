"""The 'base_rate' baseline: the fleet's recent rate of failure, the same for all nodes at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data.time_grid import in_days

if TYPE_CHECKING:
    from datetime import timedelta

    from numpy.typing import NDArray

    from models.baselines.labelled_rows import Floats


def base_rate_probabilities(rate: Floats, cutoff: NDArray[np.int64], horizon: timedelta) -> Floats:
    """Turn the fleet's failures a node-day at each cutoff into every row's probability over the horizon."""
    return -np.expm1(-np.nan_to_num(rate)[cutoff] * in_days(horizon))
