"""Failures caught against the alarm budget, with paired intervals: the trade-off that a site chooses from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation.alarms import alarmed_rows
from models.metrics.estimate import Estimate, divide
from models.metrics.metrics import quotient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from models.evaluation.context import EvaluationContext

BUDGETS: Final = (0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1)


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """The share of failures that each model catches at each budget, from the same resamples."""

    shares: tuple[float, ...]
    caught: Mapping[str, tuple[Estimate, ...]]

    def at(self, model: str, share: float) -> Estimate:
        """Give one model's caught share at one budget."""
        return self.caught[model][self.shares.index(share)]

    def best(self, share: float, models: Sequence[str]) -> str | None:
        """Name the one of some models that catches most at a budget; None where nothing can be told of any."""
        told = {name: self.at(name, share).value for name in models if name in self.caught}
        known = {name: value for name, value in told.items() if value is not None}
        return max(known, key=lambda name: known[name]) if known else None

    def gain(self, model: str, other: str) -> tuple[Estimate, ...]:
        """Subtract another model's caught share at every budget, draw by draw."""
        return tuple(own.minus(its) for own, its in zip(self.caught[model], self.caught[other], strict=True))


def trade_off(
    bench: EvaluationContext, probabilities: Mapping[str, NDArray[np.float64]], shares: Sequence[float] = BUDGETS
) -> Tradeoff:
    """Raise alarms at every budget, and count the failures that they precede."""
    wanted, weights = tuple(sorted(set(shares))), failure_weights(bench)
    return Tradeoff(
        wanted,
        {
            name: tuple(
                caught_share(~np.isnat(bench.caught_at(rows)), weights)
                for rows in alarmed_rows(bench.roster, probability, wanted).values()
            )
            for name, probability in probabilities.items()
        },
    )


def failure_weights(bench: EvaluationContext) -> NDArray[np.float64] | None:
    """Give how often each failure of the window stands in each resample; None where there are too few of them."""
    return bench.strata.resampler.weights(bench.strata.failures) if bench.strata else None


def caught_share(is_caught: NDArray[np.bool_], weights: NDArray[np.float64] | None) -> Estimate:
    """Give the share of failures that are caught, with its resamples."""
    value = quotient(float(is_caught.sum()), len(is_caught))
    return Estimate(value, None if weights is None else divide(is_caught @ weights, weights.sum(axis=0)))
