"""Runs the catalogue over history: features for any (node, cutoff) pairs, as known at each cutoff."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.schema import BUCKET_END, bucket_column
from features import derived, held, peers, told
from features.catalogue import Catalogue, Feature, Origin, Peer
from features.grid import MICROSECOND, Grid, to_datetime, to_times
from features.held import Held
from features.history import History, Matrix
from features.panel import Panel
from features.windows import columns_of

if TYPE_CHECKING:
    from data.view import View
    from features.risk import Risk, Rows


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which rows features are asked for, and from which view."""

    view: View
    risk: Risk
    rows: Rows


Computed = Iterator[tuple[Feature, NDArray[np.floating]]]


def compute(catalogue: Catalogue, view: View, risk: Risk, rows: Rows) -> NDArray[np.float32]:
    """Compute the catalogue for `rows`, which lie on the nodes and cutoffs of `risk`.

    Returns:
        Array of shape rows x features, column by column in memory; NaN where a feature is unknown.

    Raises:
        FutureError: if a cutoff lies after the view.
    """
    if len(rows.cutoffs):
        view.require(to_datetime(rows.cutoffs[-1]))
    out = np.empty((len(rows), len(catalogue.features)), dtype=np.float32, order="F")
    column = {name: at for at, name in enumerate(catalogue.names)}
    asked = Asked(view, risk, rows)
    for origin, execute in _EXECUTORS.items():
        own = [feature for feature in catalogue.features if feature.origin is origin]
        for feature, values in execute(asked, own):
            out[:, column[feature.name]] = values
    return out


def _by_metric(features: Iterable[Feature]) -> Iterator[tuple[str, list[Feature]]]:
    ordered = sorted(features, key=lambda feature: feature.metric)
    for metric, own in groupby(ordered, key=lambda feature: feature.metric):
        yield metric, list(own)


def _history(asked: Asked, features: list[Feature]) -> Computed:
    history = History.of(asked.view, asked.risk)
    for feature in features:
        yield feature, _of_rows(told.value(history, feature), asked.rows)


def _held(asked: Asked, features: list[Feature]) -> Computed:
    width = asked.view.width
    bucket = asked.rows.ts.astype(np.int64) // (width // MICROSECOND)
    for metric, own in _by_metric(features):
        table = asked.view.buckets([bucket_column(metric, "last")])
        changes = Held.of(table, metric, asked.rows.names, width)
        for feature in own:
            length = 0 if feature.window is None else feature.window // width
            yield feature, held.STATISTICS[feature.stat](changes, asked.rows.node, bucket, length)


def _windows(asked: Asked, features: list[Feature]) -> Computed:
    for metric, own in _by_metric(features):
        columns = columns_of({stat for feature in own for stat in derived.base_statistics(feature.stat)})
        table = asked.view.buckets([bucket_column(metric, column) for column in columns])
        ends = to_times(table[BUCKET_END])
        first = ends.min() if len(ends) else asked.risk.cutoffs[0]
        grid = Grid.spanning(min(first, asked.risk.cutoffs[0]), asked.risk.cutoffs[-1], asked.view.width)
        panel = Panel.of(table, asked.risk.names, grid)
        at = grid.position(asked.risk.cutoffs)
        for feature, values in derived.compute(panel, metric, own):
            yield feature, _of_rows(_beside_peers(values[:, at], feature.peer, asked), asked.rows)


def _beside_peers(values: Matrix, peer: Peer, asked: Asked) -> Matrix:
    if peer is Peer.NONE:
        return values
    fleet = np.where(asked.risk.present, values, np.nan)
    return _PEERS[peer](fleet, asked)


def _rack_deviation(values: Matrix, asked: Asked) -> Matrix:
    return peers.group_deviation(values, History.groups_of(asked.view)["rack"])


_PEERS: dict[Peer, Callable[[Matrix, Asked], Matrix]] = {
    Peer.FLEET: lambda values, _: peers.fleet_deviation(values),
    Peer.RATIO: lambda values, _: peers.fleet_ratio(values),
    Peer.RANK: lambda values, _: peers.fleet_rank(values),
    Peer.RACK: _rack_deviation,
}


def _of_rows(values: Matrix, rows: Rows) -> Matrix:
    return values[rows.node, rows.cutoff]


_EXECUTORS: dict[Origin, Callable[[Asked, list[Feature]], Computed]] = {
    Origin.HISTORY: _history,
    Origin.HELD: _held,
    Origin.WINDOW: _windows,
}
