"""Failures caught against the alarm budget, with paired intervals: a site chooses its budget from this curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation.alarm_rates import episode_rows
from models.metrics.estimate import Estimate, divide
from models.metrics.metrics import quotient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from features.grid import Array
    from models.evaluation.context import EvaluationContext

STEPS: Final = (0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10)  # times the rate in the middle


@dataclass(frozen=True, slots=True)
class BudgetCurve:
    """The share of failures that each model catches at each rate of alarm episodes, from the same resamples."""

    rates: tuple[float, ...]  # per node and day
    caught: Mapping[str, tuple[Estimate, ...]]  # by model, one for each rate

    def caught_share(self, model: str, rate: float) -> Estimate:
        """Return the caught share of a model at a rate."""
        return self.caught[model][self.rates.index(rate)]

    def best(self, rate: float, models: Sequence[str]) -> str | None:
        """Return the one of some models that catches most at a rate; None where no caught share is defined."""
        values = {name: self.caught_share(name, rate).value for name in models if name in self.caught}
        defined = {name: value for name, value in values.items() if value is not None}
        return max(defined, key=lambda name: defined[name]) if defined else None

    def gain(self, model: str, baseline: str) -> tuple[Estimate, ...]:
        """Subtract a baseline's caught share from a model's at every budget, draw by draw."""
        pairs = zip(self.caught[model], self.caught[baseline], strict=True)
        return tuple(of_model.minus(of_baseline) for of_model, of_baseline in pairs)


def rates_around(headline: float, rates: Sequence[float]) -> tuple[float, ...]:
    """Return the rates of a curve: from a tenth to ten times the headline's, and some others."""
    return tuple(sorted({*rates, *(float(f"{step * headline:.2g}") for step in STEPS)}))


def budget_curve(context: EvaluationContext, probabilities: Mapping[str, Array], rates: Sequence[float]) -> BudgetCurve:
    """Begin alarm episodes at every rate, and compute the share of failures that they precede."""
    ascending, weights = tuple(sorted(set(rates))), failure_weights(context)
    return BudgetCurve(
        ascending,
        {
            name: tuple(
                caught_share(~np.isnat(context.first_warnings(rows)), weights)
                for rows in episode_rows(context.cases, context.rows_by_time, probability, ascending).values()
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
