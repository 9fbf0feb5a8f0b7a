"""Runs the catalogue over history: features for any (node, cutoff) pairs, as known at each cutoff."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from data.schema import bucket_column
from features import held, told
from features.catalogue import Feature, Origin, by_metric
from features.grid import Grid, to_datetime
from features.held import Held
from features.history import History
from features.sampled import Sampled, spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from data.view import View
    from features.catalogue import Catalogue
    from features.grid import Index
    from features.merging import Array
    from features.risk import Risk, Rows

THREADS = 2  # numpy lets go of the interpreter; more threads than that only share a memory bus
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which rows which features are asked for, from which view, and the matrix that they fill."""

    view: View
    risk: Risk
    rows: Rows
    column: dict[str, int]
    out: NDArray[np.float32]

    def put(self, feature: Feature, values: Array, chosen: Index | slice = slice(None)) -> None:
        """Fill in a feature of some rows; a value that is too large for float32 is unknown."""
        with np.errstate(over="ignore"):
            told = values.astype(np.float32)
        told[np.isinf(told)] = np.nan
        self.out[chosen, self.column[feature.name]] = told


def compute(catalogue: Catalogue, view: View, risk: Risk, rows: Rows) -> NDArray[np.float32]:
    """Compute the catalogue for `rows`, which lie on the nodes and cutoffs of `risk`.

    Returns:
        Array of shape rows x features, column by column in memory; NaN where a feature is unknown, and where
        it is too large for float32.

    Raises:
        FutureError: if a cutoff lies after the view.
    """
    if len(rows.cutoffs):
        view.require(to_datetime(rows.cutoffs.max()))
    out = np.empty((len(rows), len(catalogue.features)), dtype=np.float32, order="F")
    asked = Asked(view, risk, rows, {name: at for at, name in enumerate(catalogue.names)}, out)
    for origin, execute in _EXECUTORS.items():
        own = [feature for feature in catalogue.features if feature.origin is origin]
        if own and len(rows):
            execute(asked, own)
    return out


def _side_by_side(work: Callable[[Item], None], items: Iterable[Item]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(work, items):
            pass  # raises what a thread raised


def _history(asked: Asked, features: list[Feature]) -> None:
    history = History.of(asked.view, asked.rows)
    _side_by_side(lambda feature: asked.put(feature, told.value(history, feature)), features)


def _held(asked: Asked, features: list[Feature]) -> None:
    _side_by_side(lambda job: _held_metric(asked, *job), by_metric(features))


def _held_metric(asked: Asked, metric: str, features: list[Feature]) -> None:
    rows, clock = asked.rows, Grid.clock(asked.view.width)
    table = asked.view.buckets([bucket_column(metric, aggregate) for aggregate in held.AGGREGATES])
    changes, bucket = Held.of(table, metric, rows.names, clock.width), clock.position(rows.ts)
    now = changes.at(rows.node, bucket)
    for window in {feature.window for feature in features}:
        then = now if window is None else changes.at(rows.node, bucket - clock.length(window))
        for feature in features:
            if feature.window == window:
                asked.put(feature, held.statistic(feature.stat)(now, then))


def _windows(asked: Asked, features: list[Feature]) -> None:
    longest = max(feature.window for feature in features if feature.window is not None)
    for chosen in spans(asked.rows, asked.view.width, longest):
        sampled = Sampled.of(asked.view, asked.risk, asked.rows.take(chosen), longest)
        for metrics in sampled.readable(features):
            _side_by_side(partial(sampled.read(metrics).compute, put=partial(asked.put, chosen=chosen)), metrics)


_EXECUTORS: dict[Origin, Callable[[Asked, list[Feature]], None]] = {
    Origin.HISTORY: _history,
    Origin.HELD: _held,
    Origin.WINDOW: _windows,
}
