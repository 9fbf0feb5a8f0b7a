"""Two-way resamples of a test window, because a node's days depend on each other, and so do a week's nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csc_array

    from features.grid import Array, Times

RESAMPLES: Final = 1000
_BLOCK: Final = 64  # resamples worked on at once: their sums stay in the processor's cache
_CHUNK: Final = 32_768  # cells weighted at once: 16 MB


@dataclass(frozen=True, slots=True)
class NodeWeekCells:
    """Cells of the table of nodes and ISO weeks: a row of a resampler's `nodes` and one of its `weeks` for each."""

    node: NDArray[np.intp]
    week: NDArray[np.intp]

    def __getitem__(self, selection: NDArray[np.intp] | NDArray[np.bool_] | slice) -> NodeWeekCells:
        return NodeWeekCells(self.node[selection], self.week[selection])


def concatenate_cells(parts: Sequence[NodeWeekCells]) -> NodeWeekCells:
    """Concatenate cells."""
    return NodeWeekCells(np.concatenate([part.node for part in parts]), np.concatenate([part.week for part in parts]))


@dataclass(frozen=True, slots=True)
class Resampler:
    """How often each node and each ISO week was drawn in each resample; a row's weight is the product of the two.

    Made once per test window, so that every model and horizon is measured on the same draws and ratios are paired.
    The last row of `nodes` is 1 throughout: it is that of nodes outside `names`, which are not resampled.
    """

    names: tuple[str, ...]
    first_week: int
    nodes: NDArray[np.uint8]  # (names + 1, resamples)
    weeks: NDArray[np.uint8]  # (weeks, resamples)

    @property
    def size(self) -> int:
        """Count the resamples."""
        return int(self.weeks.shape[1])

    def cells(self, names: Sequence[str], node: NDArray[np.int32], ts: Times) -> NodeWeekCells:
        """Return the cell of each row, given as an index into names (-1: outside) and a time.

        Raises:
            DataError: a name or a time was not there when the resampler was drawn.
        """
        row_of_name = {name: row for row, name in enumerate(self.names)}
        unknown = [name for name in names if name not in row_of_name]
        week = week_number(ts) - self.first_week
        if unknown or (week < 0).any() or (week >= len(self.weeks)).any():
            raise DataError(
                f"the resampler knows {len(self.names)} nodes and {len(self.weeks)} weeks, but not "
                + (f"node {unknown[0]}" if unknown else f"every week from {ts.min()} to {ts.max()}"),
                fix="draw it over all nodes, from the first scoring time to the last plus its horizon",
            )
        rows = np.array([*(row_of_name[name] for name in names), len(self.names)], dtype=np.intp)
        return NodeWeekCells(rows[node], week.astype(np.intp))

    def weights(self, cells: NodeWeekCells, block: slice = slice(None)) -> Array:
        """Return the weight of each cell (first axis) in each resample of a block."""
        nodes = self.nodes[cells.node, block].astype(np.float64)
        return np.multiply(nodes, self.weeks[cells.week, block], out=nodes)

    def sums(self, matrix: csc_array, cells: NodeWeekCells) -> Iterator[Array]:
        """Yield `matrix @ weights`, block of resamples by block, for a matrix with a column for each cell."""
        starts = range(0, len(cells.node), _CHUNK)
        chunks = [(matrix[:, start : start + _CHUNK], cells[start : start + _CHUNK]) for start in starts]
        for start in range(0, self.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            total = np.zeros((matrix.shape[0], min(_BLOCK, self.size - start)))
            for columns, chunk in chunks:
                total += columns @ self.weights(chunk, block)
            yield total


def week_number(ts: Times) -> NDArray[np.int64]:
    """Number ISO calendar weeks, which begin on Monday 00:00 UTC; the epoch was a Thursday."""
    return (ts.astype("datetime64[D]").astype(np.int64) + 3) // 7


def draw_resampler(
    names: Sequence[str], first: np.datetime64, last: np.datetime64, rng: np.random.Generator, size: int = RESAMPLES
) -> Resampler:
    """Draw resamples of the nodes and of the ISO weeks from the first scoring time to the last plus its horizon."""
    ordered = tuple(sorted(names))
    first_week, last_week = week_number(np.array([first, last], dtype="datetime64[us]")).tolist()
    nodes = np.concatenate([_draw(len(ordered), size, rng), np.ones((1, size), dtype=np.uint8)])
    return Resampler(ordered, first_week, nodes, _draw(last_week - first_week + 1, size, rng))


def _draw(units: int, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Count how often each unit is drawn when as many are drawn with replacement: one multinomial a column."""
    counts = np.empty((units, size), dtype=np.uint8)
    for resample in range(size if units else 0):
        counts[:, resample] = np.bincount(rng.integers(units, size=units), minlength=units)
    return counts
