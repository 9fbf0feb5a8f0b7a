"""Runs the catalogue over history: features for any (node, cutoff) pairs, as known at each cutoff."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from data.schema import bucket_column
from features.compute.peer_ranks import PresentPeers
from features.compute.sampled import Sampled, spans
from features.events import statistics
from features.events.history import History
from features.feature import Feature, Origin, Peer
from features.grid import Grid, to_datetime
from features.telemetry import on_change
from features.telemetry.combined import JOINT
from features.telemetry.on_change import OnChangeSeries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from data.view import View
    from features.feature import Catalogue
    from features.grid import Array, Index
    from features.population.at_risk import AtRisk, Rows

BLOCK_CELLS = 1 << 24  # features of a block: 64 MiB
THREADS = 2  # numpy lets go of the interpreter; more threads than that only share a memory bus
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class FeatureRequest:
    """Of which rows which features are asked for, from which view, and the matrix that they fill."""

    view: View
    risk: AtRisk
    rows: Rows
    column: dict[str, int]
    out: NDArray[np.float32]
    changes: dict[str, OnChangeSeries] = field(default_factory=dict)  # of on-change metrics, once they have been read

    def put(self, feature: Feature, values: Array, chosen: Index | slice = slice(None)) -> None:
        """Fill in a feature of some rows; a value that is too large for float32 is unknown."""
        with np.errstate(over="ignore"):
            statistics = values.astype(np.float32)
        statistics[np.isinf(statistics)] = np.nan
        self.out[chosen, self.column[feature.name]] = statistics

    def join(self, feature: Feature, values: Array) -> None:
        """Let one more metric have its say in a joint feature of all rows."""
        joint, column = JOINT[feature.stat], self.out[:, self.column[feature.name]]
        column[:] = joint.together(column, joint.each(values).astype(np.float32))


def compute(catalogue: Catalogue, view: View, risk: AtRisk, rows: Rows) -> NDArray[np.float32]:
    """Compute the catalogue for `rows`, which lie on the nodes and cutoffs of `risk`.

    Returns:
        Array of shape rows x features, column by column in memory; NaN where a feature is unknown, and where
        it is too large for float32.

    Raises:
        FutureError: if a cutoff lies after the view.
    """
    return _compute(catalogue, view, risk, rows, {})


def blocks(
    catalogue: Catalogue, view: View, risk: AtRisk, rows: Rows, cells: int = BLOCK_CELLS
) -> Iterator[tuple[Index, NDArray[np.float32]]]:
    """Compute the catalogue for some cutoffs after the others, so that a history of any length fits in memory.

    A cutoff is never cut: peers are compared at the same time.

    Yields:
        The places of a block's rows among `rows`, and their features as `compute` gives them: no more than `cells`,
        unless one cutoff has more.

    Raises:
        FutureError: if a cutoff lies after the view.
    """
    changes: dict[str, OnChangeSeries] = {}
    counts = np.bincount(rows.cutoff, minlength=len(rows.cutoffs)) * len(catalogue.features)
    for cutoffs in _runs(counts.tolist(), cells):
        chosen = np.flatnonzero((rows.cutoff >= cutoffs.start) & (rows.cutoff < cutoffs.stop))
        if len(chosen):
            yield chosen, _compute(catalogue, view, risk.during(cutoffs), rows.take(chosen).during(cutoffs), changes)


def _runs(counts: list[int], most: int) -> Iterator[range]:
    """Part what is counted into runs that count no more than `most`, or are of one."""
    first = total = 0
    for at, count in enumerate(counts):
        if at > first and total + count > most:
            yield range(first, at)
            first, total = at, 0
        total += count
    yield range(first, len(counts))


def _compute(
    catalogue: Catalogue, view: View, risk: AtRisk, rows: Rows, changes: dict[str, OnChangeSeries]
) -> NDArray[np.float32]:
    if len(rows.cutoffs):
        view.require(to_datetime(rows.cutoffs.max()))
    out = np.empty((len(rows), len(catalogue.features)), dtype=np.float32, order="F")
    asked = FeatureRequest(view, risk, rows, {name: at for at, name in enumerate(catalogue.names)}, out, changes)
    for origin, execute in _EXECUTORS.items():
        own = [feature for feature in catalogue.features if feature.origin is origin]
        if own and len(rows):
            execute(asked, own)
    return out


def _side_by_side(work: Callable[[Item], None], items: Iterable[Item]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(work, items):
            pass  # raises what a thread raised


def _history(asked: FeatureRequest, features: list[Feature]) -> None:
    history = History.of(asked.view, asked.rows)
    _side_by_side(lambda feature: asked.put(feature, statistics.value(history, feature)), features)


def _held(asked: FeatureRequest, features: list[Feature]) -> None:
    """Run every metric once, also for the joint features that it is a part of."""
    jobs: dict[str, list[Feature]] = {}
    for feature in features:
        for metric in feature.of or (feature.metric,):
            jobs.setdefault(metric, []).append(feature)
        if feature.of:
            asked.out[:, asked.column[feature.name]] = np.nan
    lock, is_beside = Lock(), any(feature.peer is not Peer.NONE for feature in features)
    company = PresentPeers.of(asked.view, asked.risk, asked.rows) if is_beside else None
    _side_by_side(lambda job: _Changing(asked, company, lock, job[0]).compute(job[1]), jobs.items())


@dataclass(frozen=True, slots=True)
class _Changing:
    """One on-change metric of some rows, and the company that they are in."""

    asked: FeatureRequest
    company: PresentPeers | None
    lock: Lock
    metric: str

    def compute(self, features: list[Feature]) -> None:
        asked, changes = self.asked, self._changes()
        for feature, values in _told(changes, asked.rows, [one for one in features if one.peer is Peer.NONE]):
            if feature.of:
                with self.lock:
                    asked.join(feature, values)
            else:
                asked.put(feature, values)
        if self.company:
            for feature, values in _told(changes, self.company.rows, [one for one in features if one.peer]):
                asked.put(feature, self.company.of_rows(values, feature.peer))

    def _changes(self) -> OnChangeSeries:
        asked = self.asked
        if self.metric not in asked.changes:
            table = asked.view.buckets([bucket_column(self.metric, aggregate) for aggregate in on_change.AGGREGATES])
            asked.changes[self.metric] = OnChangeSeries.of(table, self.metric, asked.rows.names, asked.view.width)
        return asked.changes[self.metric]


def _told(changes: OnChangeSeries, rows: Rows, features: list[Feature]) -> Iterator[tuple[Feature, Array]]:
    if not features:
        return
    clock = Grid.clock(changes.width)
    bucket = clock.position(rows.ts)
    now = changes.at(rows.node, bucket)
    for window in {feature.window for feature in features}:
        then = now if window is None else changes.at(rows.node, bucket - clock.length(window))
        for feature in features:
            if feature.window == window:
                stat = JOINT[feature.stat].base if feature.of else feature.stat
                yield feature, on_change.statistic(stat)(now, then)


def _windows(asked: FeatureRequest, features: list[Feature]) -> None:
    longest = max(feature.window for feature in features if feature.window is not None)
    for chosen in spans(asked.rows, asked.view.width, longest):
        sampled = Sampled.of(asked.view, asked.risk, asked.rows.take(chosen), longest)
        for metrics in sampled.readable(features):
            _side_by_side(partial(sampled.read(metrics).compute, put=partial(asked.put, chosen=chosen)), metrics)


_EXECUTORS: dict[Origin, Callable[[FeatureRequest, list[Feature]], None]] = {
    Origin.HISTORY: _history,
    Origin.HELD: _held,
    Origin.WINDOW: _windows,
}
