"""Finds the slices that fail more or less often than forecast beyond chance, among many that are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import gammainc, gammaincc

from models.evaluation.slices.pooling import non_empty
from models.metrics import metrics
from models.metrics.bootstrap import week_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from features.grid import Array, Index
    from models.evaluation.context import EvaluationContext
    from models.evaluation.slices.sums import SliceSums

NOMINAL: Final = 0.05  # the level at which a single slice is unusual
FALSE_DISCOVERIES: Final = 0.05  # the share of the significant slices that chance may have put there
TOLERATED: Final = (0.75, 1.33)  # observed over expected: between them a slice is as forecast


@dataclass(frozen=True, slots=True)
class SliceComparison:
    """The p-value of each slice's failures if the forecast is right, by grouping, and which are significant."""

    dispersion: float
    count: int  # of slices that were compared
    unusual: int  # of them: below the nominal level, one by one
    p_value: tuple[Array, ...]
    is_significant: tuple[NDArray[np.bool_], ...]


def compare(context: EvaluationContext, probability: Array, sums: Sequence[SliceSums]) -> SliceComparison:
    """Compare the failures of each slice with its forecast, all groupings in one family of tests."""
    scatter, unit = dispersion(context, probability), in_failures(context)
    p_value = [p_values(of_group["observed"] * unit, of_group["expected"] * unit, scatter) for of_group in sums]
    filled = [non_empty(of_group) for of_group in sums]
    every = np.concatenate([np.empty(0), *(p[groups] for p, groups in zip(p_value, filled, strict=True))])
    ends = np.cumsum([len(groups) for groups in filled])
    rejected = np.split(is_discovery(every), ends[:-1]) if filled else []
    is_significant = [
        _expanded(discoveries, groups, of_group) & _is_far(of_group)
        for discoveries, groups, of_group in zip(rejected, filled, sums, strict=True)
    ]
    return SliceComparison(scatter, len(every), int((every < NOMINAL).sum()), tuple(p_value), tuple(is_significant))


def _expanded(values: NDArray[np.bool_], groups: Index, sums: SliceSums) -> NDArray[np.bool_]:
    """Put the values of some groups back among all of them."""
    out = np.zeros(len(sums["rows"]), dtype=bool)
    out[groups] = values
    return out


def _is_far(sums: SliceSums) -> NDArray[np.bool_]:
    low, high = (sums["expected"] * limit for limit in TOLERATED)
    return np.asarray((sums["observed"] < low) | (sums["observed"] > high))


def dispersion(context: EvaluationContext, probability: Array) -> float:
    """Return how much more failures scatter about the forecast than if each came independently; at least 1.

    The variance of the fleet's surplus, clustered by node and by week (Cameron, Gelbach and Miller 2011), over
    that of as many Poisson events: failures that come together are not independent evidence.
    """
    cases, label, forecast = context.cases, context.label, probability[context.kept]
    level = metrics.observed_over_expected(label, forecast)
    if not level:
        return 1.0
    surplus = (label - level * forecast) * in_failures(context)
    node, week = cases.node[context.kept].astype(np.int64), week_number(cases.ts[context.kept])
    week -= week.min()
    cell = node * (int(week.max()) + 1) + week
    variance = _sum_of_squares(node, surplus) + _sum_of_squares(week, surplus) - _sum_of_squares(cell, surplus)
    return max(1.0, float(variance / (label.sum() * in_failures(context))))


def in_failures(context: EvaluationContext) -> float:
    """Return how much of a failure a failing row counts for: a failure is in each forecast within its horizon."""
    return context.cases.every / context.cases.horizon


def _sum_of_squares(group: Index, surplus: Array) -> float:
    """Sum the squares of the groups' surpluses."""
    return float(np.square(np.bincount(group, weights=surplus)).sum())


def p_values(observed: Array, expected: Array, dispersion: float) -> Array:
    """Return the two-sided p-value of each count if the forecast is right.

    Exact for Poisson counts (Garwood 1936), which need not be whole here; both are divided by the dispersion.
    """
    count, mean = observed / dispersion, expected / dispersion
    above = np.where(count > 0, gammainc(np.maximum(count, np.finfo(float).tiny), mean), 1.0)
    below = gammaincc(count + 1.0, mean)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(above, below)))


def is_discovery(p_value: Array, share: float = FALSE_DISCOVERIES) -> NDArray[np.bool_]:
    """Mark the tests to reject, with at most this share of false ones (Benjamini and Hochberg 1995)."""
    ordered = np.sort(p_value)
    allowed = share * np.arange(1, len(p_value) + 1) / max(len(p_value), 1)
    passing = ordered[ordered <= allowed]
    return np.asarray(p_value <= (passing[-1] if len(passing) else -1.0))
