"""The weighted log-loss and its derivatives: what calibration and the linear model minimise and tuning compares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]


def log_loss(log_odds: Floats, outcome: Floats, weight: Floats) -> Floats:
    """Compute each outcome's weighted negative log-likelihood in nats."""
    return np.asarray(weight * (np.logaddexp(0, log_odds) - outcome * log_odds))


def derivatives(log_odds: Floats, outcome: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Compute the log-likelihood's first derivative by the log-odds, and its second one with the sign changed."""
    probability = expit(log_odds)
    return weight * (outcome - probability), weight * probability * (1 - probability)
