"""Newton's method, with the two rules for the length of its steps that the fits need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float64]
SMALLEST_SHARE = 1e-3  # of a Newton step


class StepRule(Protocol):
    """Decides how far along a Newton step to go."""

    def advance(self, beta: Floats, step: Floats) -> tuple[Floats, bool]:
        """Return the next point, and whether it is the last one."""
        ...


@dataclass(frozen=True, slots=True)
class Clipped:
    """Steps of at most `longest` in each parameter; done when none was longer than `tolerance`."""

    longest: float
    tolerance: float

    def advance(self, beta: Floats, step: Floats) -> tuple[Floats, bool]:
        """Return the next point, and whether it is the last one."""
        return beta + np.clip(step, -self.longest, self.longest), bool(np.abs(step).max() < self.tolerance)


@dataclass(slots=True)
class Halved:
    """Steps that are halved until they lower the loss; done when one lowers it by less than `tolerance`."""

    loss: Callable[[Floats], float]
    tolerance: float
    lowest: float = np.inf

    def advance(self, beta: Floats, step: Floats) -> tuple[Floats, bool]:
        """Return the next point, and whether it is the last one."""
        if np.isinf(self.lowest):
            self.lowest = self.loss(beta)
        share, loss = 1.0, self.loss(beta + step)
        while loss > self.lowest and share > SMALLEST_SHARE:
            share /= 2
            loss = self.loss(beta + share * step)
        if self.lowest - loss < self.tolerance:
            return beta, True
        self.lowest = loss
        return beta + share * step, False


def newton(
    derivatives: Callable[[Floats], tuple[Floats, Floats]], start: Floats, rule: StepRule, max_steps: int
) -> Floats:
    """Maximise a concave function of a few parameters.

    `derivatives` returns the gradient at a point and the Hessian with the sign changed.
    """
    beta = start
    for _ in range(max_steps):
        gradient, hessian = derivatives(beta)
        beta, is_last = rule.advance(beta, np.asarray(np.linalg.solve(hessian, gradient), np.float64))
        if is_last:
            break
    return beta
