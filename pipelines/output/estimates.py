"""Formats an estimate with its 95% interval, in the same form on a terminal and in the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.metrics.estimate import Estimate

NOTHING: Final = "-"
LARGE: Final = 10  # from here on, decimals after the first are noise


def with_interval(estimate: Estimate, write: Callable[[float | None], str]) -> str:
    """Return an estimate, and its interval if it has one: 0.400 [0.210, 0.590]."""
    low, high = estimate.bounds()
    value = write(estimate.value)
    return value if low is None or high is None else f"{value} [{write(low)}, {write(high)}]"


def fixed(decimals: int) -> Callable[[float | None], str]:
    """Return a function that writes a number with so many decimals, a large one with at most one; '-' for None."""

    def write(value: float | None) -> str:
        if value is None:
            return NOTHING
        return f"{value:,.{decimals if abs(value) < LARGE else min(decimals, 1)}f}"

    return write


def percent(value: float | None) -> str:
    """Write a share of 1 as a whole percentage; '-' for None."""
    return NOTHING if value is None else f"{value:.0%}"


def score_weights(trees_share: float) -> str:
    """Describe how the score weighs the trees and the linear model."""
    return f"{percent(trees_share)} trees, {percent(1 - trees_share)} linear model"


def base_weights(strength: float) -> str:
    """Describe how the base of every forecast weighs the fleet's recent failure rate and that of its whole past."""
    return f"the fleet's failure rate, {percent(strength)} recent and {percent(1 - strength)} long-run (learned)"
