"""What chance alone would give: the tests that every threshold of the audit comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import beta, binom

from models.audit.finding import Severity

if TYPE_CHECKING:
    from features.grid import Array

LEVEL: Final = 1e-3  # of each test: with about twenty of them, one fleet in fifty gets a false finding

RELEVANT_SHARE: Final = 0.1  # of the failures, or of the skill: what affects less can't change a figure by much


def binomial_p_value(hits: int, trials: int, probability: float) -> float:
    """Return the probability of so many hits or more among independent trials."""
    return float(binom.sf(hits - 1, trials, min(max(probability, 0.0), 1.0)))


def lower_bound(hits: int, trials: int, level: float = LEVEL) -> float:
    """Return the one-sided lower bound of a share (Clopper and Pearson 1934)."""
    return float(beta.ppf(level, hits, trials - hits + 1)) if hits else 0.0


def permutation_p_value(real: float, null: Array) -> float:
    """Return the share of all arrangements, the real one among them, whose statistic is at least the real one's."""
    return (1 + int(np.count_nonzero(null >= real))) / (1 + len(null))


def format_p(p: float) -> str:
    """Write a p-value."""
    return "p < 1e-12" if p < 1e-12 else f"p = {p:.2g}"  # noqa: PLR2004  - where digits stop meaning anything


def severity(p: float, share: float) -> Severity:
    """Return how a test ended, from its p-value and the share of the failures that it affects."""
    if p >= LEVEL:
        return Severity.CLEAR
    return Severity.FOUND if share >= RELEVANT_SHARE else Severity.SUSPICIOUS
