"""The rows that a failure follows, and its cause: what causes are learned from, and what they are judged by."""

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
    from features.grid import Index, Times
    from features.population.at_risk import Rows
    from models.causes.labels import Causes


@dataclass(frozen=True, slots=True)
class FailureRows:
    """Rows whose node next fails within a horizon: which failure, when it starts, its cause (-1: unknown)."""

    row: Index  # positions among the rows that were asked about
    failure: Index
    start: Times
    cause: Index

    @classmethod
    def of(cls, view: View, rows: Rows, horizon: np.timedelta64, causes: Causes) -> FailureRows:
        """Look ahead as far as a view knows."""
        following = Outcomes.of(view, rows.names).next_failure(rows)
        row = np.flatnonzero(following <= rows.ts + horizon)
        failures = causes_of_failures(view.events(), causes.unknown)
        wanted = pl.DataFrame({"unit": rows.node[row], "start": following[row]})
        known = pl.DataFrame(
            {
                "unit": locate(failures[NODE], rows.names),
                "start": to_times(failures["start"]),
                "failure": np.arange(failures.height),
                "cause": causes.numbers(failures["cause"]),
            }
        )
        told = wanted.join(known, on=["unit", "start"], how="left", maintain_order="left")
        return cls(row, told["failure"].to_numpy(), following[row], told["cause"].to_numpy())

    def __len__(self) -> int:
        return len(self.row)

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Tell which rows are followed by a failure of a known cause."""
        return self.cause >= 0

    @property
    def weight(self) -> NDArray[np.float64]:
        """Weigh the rows so that every failure counts once."""
        _, number, count = np.unique(self.failure, return_inverse=True, return_counts=True)
        return np.asarray(1.0 / count[number])

    @property
    def failures(self) -> int:
        """Count the failures."""
        return len(np.unique(self.failure))

    def take(self, chosen: NDArray[np.bool_] | Index) -> FailureRows:
        """Keep some rows."""
        return FailureRows(self.row[chosen], self.failure[chosen], self.start[chosen], self.cause[chosen])

    def thinned(self, most: int, rng: np.random.Generator) -> FailureRows:
        """Draw at most so many rows of each failure."""
        shuffled = rng.permutation(len(self))
        order = shuffled[np.argsort(self.failure[shuffled], kind="stable")]
        place = np.arange(len(self)) - np.searchsorted(self.failure[order], self.failure[order])
        return self.take(np.sort(order[place < most]))
