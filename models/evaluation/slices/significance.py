"""Tells which slices fail more or less often than forecast by more than chance, among many that are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc

from models.evaluation.slices.layout import is_there
from models.metrics import metrics
from models.metrics.bootstrap import week_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.evaluation.context import EvaluationContext
    from models.evaluation.slices.sums import Sums

Floats = NDArray[np.float64]
NOMINAL: Final = 0.05  # what chance puts among slices that are looked at one by one
FALSE_DISCOVERIES: Final = 0.05  # the share of those named that chance may have put there
TOLERATED: Final = (0.75, 1.33)  # observed over expected: between them a slice is called right


@dataclass(frozen=True, slots=True)
class SliceComparison:
    """How likely each slice's failures are if the forecast is right, by division, and which of them stand out."""

    dispersion: float
    count: int
    unusual: int
    chance: tuple[Floats, ...]
    is_odd: tuple[NDArray[np.bool_], ...]


def compare(bench: EvaluationContext, probability: Floats, sums: Sequence[Sums]) -> SliceComparison:
    """Hold what each slice saw against its forecast, all divisions at once: whoever looks often finds something."""
    scatter, unit = dispersion(bench, probability), in_failures(bench)
    chance = [chances(one["observed"] * unit, one["expected"] * unit, scatter) for one in sums]
    there = [is_there(one) for one in sums]
    every = np.concatenate([np.empty(0), *(own[at] for own, at in zip(chance, there, strict=True))])
    odd = iter(np.split(stands_out(every), np.cumsum([len(at) for at in there])[:-1]) if there else ())
    is_odd = [_spread(next(odd), at, one) & _is_far(one) for at, one in zip(there, sums, strict=True)]
    return SliceComparison(scatter, len(every), int((every < NOMINAL).sum()), tuple(chance), tuple(is_odd))


def _spread(told: NDArray[np.bool_], there: NDArray[np.int64], sums: Sums) -> NDArray[np.bool_]:
    out = np.zeros(len(sums["rows"]), dtype=bool)
    out[there] = told
    return out


def _is_far(sums: Sums) -> NDArray[np.bool_]:
    low, high = (sums["expected"] * limit for limit in TOLERATED)
    return np.asarray((sums["observed"] < low) | (sums["observed"] > high))


def dispersion(bench: EvaluationContext, probability: Floats) -> float:
    """Give how much more failures scatter about the forecast than if each came on its own; at least 1.

    The variance of the fleet's surplus, clustered by node and by week (Cameron, Gelbach and Miller 2011), over
    that of as many Poisson events: failures that come together are no independent witnesses.
    """
    cases, label, told = bench.cases, bench.label, probability[bench.kept]
    level = metrics.observed_over_expected(label, told)
    if not level:
        return 1.0
    surplus = (label - level * told) * in_failures(bench)
    node, week = cases.node[bench.kept].astype(np.int64), week_number(cases.ts[bench.kept])
    week -= week.min()
    cell = node * (int(week.max()) + 1) + week
    variance = _squares(node, surplus) + _squares(week, surplus) - _squares(cell, surplus)
    return max(1.0, float(variance / (label.sum() * in_failures(bench))))


def in_failures(bench: EvaluationContext) -> float:
    """Give what a failing row counts for: one failure is seen by each forecast within its horizon."""
    return bench.cases.every_days / bench.cases.horizon_days


def _squares(group: NDArray[np.int64], surplus: Floats) -> float:
    return float(np.square(np.bincount(group, weights=surplus)).sum())


def chances(observed: Floats, expected: Floats, dispersion: float) -> Floats:
    """Give the chance of a count as far off as this one, either way, were the forecast right.

    Exact for Poisson counts (Garwood 1936), which need not be whole here; both are divided by the dispersion.
    """
    seen, mean = observed / dispersion, expected / dispersion
    above = np.where(seen > 0, gammainc(np.maximum(seen, np.finfo(float).tiny), mean), 1.0)
    below = gammaincc(seen + 1.0, mean)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(above, below)))


def stands_out(chance: Floats, share: float = FALSE_DISCOVERIES) -> NDArray[np.bool_]:
    """Name those that chance can't explain, with at most this share of false ones (Benjamini and Hochberg 1995)."""
    ordered = np.sort(chance)
    allowed = share * np.arange(1, len(chance) + 1) / max(len(chance), 1)
    passing = ordered[ordered <= allowed]
    return np.asarray(chance <= (passing[-1] if len(passing) else -1.0))
