"""Failures caught against the alarm budget, with paired intervals: a site chooses its budget from this curve."""

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

    from features.grid import Array
    from models.evaluation.context import EvaluationContext

BUDGETS: Final = (0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1)


@dataclass(frozen=True, slots=True)
class BudgetCurve:
    """The share of failures that each model catches at each budget, from the same resamples."""

    shares: tuple[float, ...]
    caught: Mapping[str, tuple[Estimate, ...]]  # by model, one for each share

    def caught_share(self, model: str, share: float) -> Estimate:
        """Return the caught share of a model at a budget."""
        return self.caught[model][self.shares.index(share)]

    def best(self, share: float, models: Sequence[str]) -> str | None:
        """Return the one of some models that catches most at a budget; None where no caught share is defined."""
        values = {name: self.caught_share(name, share).value for name in models if name in self.caught}
        defined = {name: value for name, value in values.items() if value is not None}
        return max(defined, key=lambda name: defined[name]) if defined else None

    def gain(self, model: str, baseline: str) -> tuple[Estimate, ...]:
        """Subtract a baseline's caught share from a model's at every budget, draw by draw."""
        pairs = zip(self.caught[model], self.caught[baseline], strict=True)
        return tuple(of_model.minus(of_baseline) for of_model, of_baseline in pairs)


def budget_curve(
    context: EvaluationContext, probabilities: Mapping[str, Array], shares: Sequence[float] = BUDGETS
) -> BudgetCurve:
    """Raise alarms at every budget, and compute the share of failures that they precede."""
    ascending, weights = tuple(sorted(set(shares))), failure_weights(context)
    return BudgetCurve(
        ascending,
        {
            name: tuple(
                caught_share(~np.isnat(context.first_warnings(rows)), weights)
                for rows in alarmed_rows(context.rows_by_time, probability, ascending).values()
            )
            for name, probability in probabilities.items()
        },
    )


def failure_weights(context: EvaluationContext) -> Array | None:
    """Return the weight of each failure of the window in each resample; None where there are too few failures."""
    return context.bootstrap.resampler.weights(context.bootstrap.failures) if context.bootstrap else None


def caught_share(is_caught: NDArray[np.bool_], weights: Array | None) -> Estimate:
    """Return the share of failures that are caught, with its resamples."""
    value = quotient(float(is_caught.sum()), len(is_caught))
    return Estimate(value, None if weights is None else divide(is_caught @ weights, weights.sum(axis=0)))
