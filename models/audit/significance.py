"""What chance alone would give: the tests that every threshold of the audit comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import beta, binom

from models.audit.finding import Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL: Final = 1e-3  # of each test: with some fifteen of them, one fleet in seventy is accused wrongly

MATTERS: Final = 0.1  # of the failures, or of the skill: what touches less can't change a figure by much


def at_least(hits: int, trials: int, chance: float) -> float:
    """Give the probability of so many hits or more among independent trials."""
    return float(binom.sf(hits - 1, trials, min(max(chance, 0.0), 1.0)))


def lower_bound(hits: int, trials: int, level: float = LEVEL) -> float:
    """Give the one-sided lower bound of a share (Clopper and Pearson 1934)."""
    return float(beta.ppf(level, hits, trials - hits + 1)) if hits else 0.0


def beyond(real: float, null: NDArray[np.float64]) -> float:
    """Give a permutation test's p: the share of all arrangements, the real one among them, that reach it."""
    return (1 + int(np.count_nonzero(null >= real))) / (1 + len(null))


def p_words(p: float) -> str:
    """Write a p-value."""
    return "p < 1e-12" if p < 1e-12 else f"p = {p:.2g}"  # noqa: PLR2004  - where digits stop meaning anything


def judge(p: float, share: float) -> Severity:
    """Say what a test came to: beyond chance or not, and whether it touches enough failures to matter."""
    if p >= LEVEL:
        return Severity.CLEAR
    return Severity.FOUND if share >= MATTERS else Severity.SUSPICIOUS
