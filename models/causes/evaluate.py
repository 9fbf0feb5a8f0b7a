"""How well causes were told: of each failure once, beside the fleet's frequencies and the node's last cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.causes.dirichlet import surprise
from models.evaluation.context import FEWEST_FAILURES
from models.metrics.estimate import Estimate, divide
from models.metrics.metrics import quotient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from models.causes.replay import CauseReplay
    from models.metrics.bootstrap import Resampler

QUOTIENTS: Final = {
    "accuracy": ("right", "failures"),
    "accuracy_of_commonest": ("commonest_right", "failures"),
    "accuracy_of_last": ("last_right", "failures"),
    "answered_share": ("answered", "failures"),
    "answered_accuracy": ("answered_right", "answered"),
    "answered_probability": ("said", "answered"),  # what the answers said of themselves
}
SKILL: Final = ("nats", "usual_nats")


@dataclass(frozen=True, slots=True)
class CauseEvaluation:
    """What was told of the failures whose cause is known, and how right it was."""

    failures: int
    unexplained: int  # failures without a known cause: left out
    figures: Mapping[str, Estimate]

    def to_json(self) -> dict[str, object]:
        """Give counts and figures by name."""
        told = {name: figure.to_json() for name, figure in self.figures.items()}
        return {"failures": self.failures, "unexplained": self.unexplained, **told}


def judge(told: CauseReplay, resampler: Resampler) -> CauseEvaluation:
    """Judge what was said before each failure, on average over the rows before it.

    `log_loss_skill` is 1 - nats / those of the fleet's frequencies of causes as they were known at each row.
    """
    known = told.take(told.ahead.is_known)
    failure, first, number = np.unique(known.ahead.failure, return_index=True, return_inverse=True)
    sums = {
        name: np.bincount(number, known.ahead.weight * value, len(failure)).astype(np.float64)
        for name, value in _values(known).items()
    }
    draws = _draws(known, first, sums, resampler) if len(failure) >= FEWEST_FAILURES else None

    def divided(above: str, below: str) -> Estimate:
        value = quotient(float(sums[above].sum()), float(sums[below].sum()))
        return Estimate(value, None if draws is None else divide(draws[above], draws[below]))

    figures = {name: divided(*parts) for name, parts in QUOTIENTS.items()}
    return CauseEvaluation(
        len(failure),
        told.ahead.failures - len(failure),
        {"log_loss_skill": divided(*SKILL).complement(), **figures},
    )


def _values(known: CauseReplay) -> dict[str, NDArray[np.float64]]:
    """Give what is summed, of each row."""
    cause, told = known.ahead.cause, known.model.is_told(known.probabilities)
    is_right = known.probabilities.argmax(axis=1) == cause
    values = {
        "failures": np.ones(len(cause)),
        "nats": surprise(known.probabilities, cause),
        "usual_nats": surprise(known.frequencies, cause),
        "right": is_right,
        "commonest_right": known.frequencies.argmax(axis=1) == cause,
        "last_right": known.last == cause,
        "answered": told,
        "answered_right": told & is_right,
        "said": told * known.probabilities.max(axis=1),
    }
    return {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}


def _draws(
    known: CauseReplay, first: NDArray[np.int64], sums: Mapping[str, NDArray[np.float64]], resampler: Resampler
) -> dict[str, NDArray[np.float64]]:
    """Sum over the failures of each resample."""
    node, start = known.rows.node[first].astype(np.int32), known.ahead.start[first]
    weights = resampler.weights(resampler.cells(known.rows.names, node, start))
    return {name: np.asarray((value[:, None] * weights).sum(axis=0)) for name, value in sums.items()}
