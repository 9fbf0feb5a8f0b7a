"""The rows that a failure follows, and its cause: what the model of causes is fitted to and judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import NODE
from features.grid import locate, to_times
from features.training.labels import Outcomes
from models.causes.labels import causes_of_failures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array, Index, Times
    from features.population.at_risk import Rows
    from models.causes.labels import Causes


@dataclass(frozen=True, slots=True)
class FailureRows:
    """Rows whose node next fails within a horizon: which failure, when it starts, its cause (-1: unknown)."""

    row: Index  # positions among all rows
    failure: Index
    start: Times
    cause: Index

    @classmethod
    def of(cls, view: View, rows: Rows, horizon: np.timedelta64, causes: Causes) -> FailureRows:
        """Find the rows that are followed by a failure of the view, and not by one that belongs to the one before."""
        next_failure = Outcomes.of(view, rows.names).next_failure(rows)
        row = np.flatnonzero(next_failure <= rows.ts + horizon)
        followed = pl.DataFrame({"unit": rows.node[row], "start": next_failure[row]})
        failures = causes_of_failures(view.events(), causes.unknown)
        failure_causes = pl.DataFrame(
            {
                "unit": locate(failures[NODE], rows.names),
                "start": to_times(failures["start"]),
                "failure": np.arange(failures.height),
                "cause": causes.codes(failures["cause"]),
            }
        )
        joined = followed.join(failure_causes, on=["unit", "start"], how="left", maintain_order="left")
        is_new = joined["failure"].is_not_null().to_numpy()
        row, joined = row[is_new], joined.filter(is_new)
        return cls(row, joined["failure"].to_numpy(), next_failure[row], joined["cause"].to_numpy())

    def __len__(self) -> int:
        return len(self.row)

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Mark the rows that are followed by a failure of a known cause."""
        return self.cause >= 0

    @property
    def weight(self) -> Array:
        """Return weights of the rows by which every failure counts once."""
        _, number, count = np.unique(self.failure, return_inverse=True, return_counts=True)
        return np.asarray(1.0 / count[number])

    @property
    def failures(self) -> int:
        """Count the failures."""
        return len(np.unique(self.failure))

    def take(self, selection: NDArray[np.bool_] | Index) -> FailureRows:
        """Keep some rows."""
        return FailureRows(self.row[selection], self.failure[selection], self.start[selection], self.cause[selection])

    def thinned(self, most: int, rng: np.random.Generator) -> FailureRows:
        """Draw at most so many rows of each failure."""
        shuffled = rng.permutation(len(self))
        order = shuffled[np.argsort(self.failure[shuffled], kind="stable")]
        rank = np.arange(len(self)) - np.searchsorted(self.failure[order], self.failure[order])
        return self.take(np.sort(order[rank < most]))
