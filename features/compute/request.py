"""Which features of which rows are requested, and the matrix that they fill."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from data.view import View
    from features.feature import Catalogue, Feature
    from features.grid import Array, Index
    from features.population.at_risk import AtRisk, Rows
    from features.telemetry.on_change import OnChangeSeries

THREADS = 2  # numpy releases the interpreter; more threads than that only share a memory bus
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class FeatureRequest:
    """The features of some rows, from a view: rows x features, column by column in memory."""

    view: View
    risk: AtRisk
    rows: Rows
    column: dict[str, int]
    matrix: NDArray[np.float32]
    series: dict[str, OnChangeSeries] = field(default_factory=dict)  # of on-change metrics, once they have been read

    @classmethod
    def of(
        cls, catalogue: Catalogue, view: View, risk: AtRisk, rows: Rows, series: dict[str, OnChangeSeries] | None = None
    ) -> FeatureRequest:
        """Request every feature of a catalogue."""
        matrix = np.empty((len(rows), len(catalogue.features)), dtype=np.float32, order="F")
        return cls(view, risk, rows, catalogue.columns, matrix, {} if series is None else series)

    def put(self, feature: Feature, values: Array, positions: Index | slice = slice(None)) -> None:
        """Fill in a feature of some rows; a value that is too large for float32 is unknown."""
        with np.errstate(over="ignore"):
            rounded = values.astype(np.float32)
        rounded[np.isinf(rounded)] = np.nan
        self.matrix[positions, self.column[feature.name]] = rounded


def run_in_threads(work: Callable[[Item], None], items: Iterable[Item]) -> None:
    """Call a function for every item, on a few threads; raise what it raises."""
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(work, items):
            pass  # raises what a thread raised
