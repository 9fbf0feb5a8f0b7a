"""How often the forecast causes were right, each failure counted once, next to what two simple rules achieve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.causes.dirichlet import log_losses
from models.evaluation.context import FEWEST_FAILURES
from models.metrics.estimate import Estimate, divide
from models.metrics.metrics import quotient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.grid import Array, Index
    from models.causes.replay import CauseReplay
    from models.metrics.bootstrap import Resampler

QUOTIENTS: Final = {
    "accuracy": ("right", "failures"),
    "accuracy_of_commonest": ("commonest_right", "failures"),
    "accuracy_of_last": ("last_right", "failures"),
    "answered_share": ("given", "failures"),
    "answered_accuracy": ("given_right", "given"),
    "answered_probability": ("given_probability", "given"),  # the stated probability of the causes that are given
}
SKILL: Final = ("log_loss", "log_loss_of_frequencies")


@dataclass(frozen=True, slots=True)
class CauseEvaluation:
    """How right the forecasts were for the failures whose cause is known."""

    failures: int
    unexplained: int  # failures without a known cause: left out
    figures: Mapping[str, Estimate]

    def to_json(self) -> dict[str, object]:
        """Return counts and figures by name."""
        figures = {name: figure.to_json() for name, figure in self.figures.items()}
        return {"failures": self.failures, "unexplained": self.unexplained, **figures}


def evaluate_causes(replay: CauseReplay, resampler: Resampler) -> CauseEvaluation:
    """Compare what was forecast before each failure with its cause, on average over the rows before it.

    `log_loss_skill` is 1 - log loss / that of the fleet's frequencies of causes as they were known at each row.
    """
    explained = replay.take(replay.failure_rows.is_known)
    failure, row_of_failure, number = np.unique(explained.failure_rows.failure, return_index=True, return_inverse=True)
    sums = {
        name: np.bincount(number, explained.failure_rows.weight * value, len(failure)).astype(np.float64)
        for name, value in _values(explained).items()
    }
    draws = _draws(explained, row_of_failure, sums, resampler) if len(failure) >= FEWEST_FAILURES else None

    def ratio(top: str, bottom: str) -> Estimate:
        value = quotient(float(sums[top].sum()), float(sums[bottom].sum()))
        return Estimate(value, None if draws is None else divide(draws[top], draws[bottom]))

    figures = {name: ratio(*pair) for name, pair in QUOTIENTS.items()}
    return CauseEvaluation(
        len(failure),
        replay.failure_rows.failures - len(failure),
        {"log_loss_skill": ratio(*SKILL).complement(), **figures},
    )


def _values(explained: CauseReplay) -> dict[str, Array]:
    """Return what is summed, of each row."""
    cause, is_given = explained.failure_rows.cause, explained.model.is_given(explained.probabilities)
    is_right = explained.probabilities.argmax(axis=1) == cause
    values = {
        "failures": np.ones(len(cause)),
        "log_loss": log_losses(explained.probabilities, cause),
        "log_loss_of_frequencies": log_losses(explained.frequencies, cause),
        "right": is_right,
        "commonest_right": explained.frequencies.argmax(axis=1) == cause,
        "last_right": explained.last == cause,
        "given": is_given,
        "given_right": is_given & is_right,
        "given_probability": is_given * explained.probabilities.max(axis=1),
    }
    return {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}


def _draws(
    explained: CauseReplay, row_of_failure: Index, sums: Mapping[str, Array], resampler: Resampler
) -> dict[str, Array]:
    """Sum over the failures of each resample; `first` is a row of each failure."""
    node, start = explained.rows.node[row_of_failure].astype(np.int32), explained.failure_rows.start[row_of_failure]
    weights = resampler.weights(resampler.cells(explained.rows.names, node, start))
    return {name: np.asarray((value[:, None] * weights).sum(axis=0)) for name, value in sums.items()}
