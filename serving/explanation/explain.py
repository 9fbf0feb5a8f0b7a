"""Finds what raises each node's score, how far from normal that is, and since when."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from features.events.history import groups_of
from features.feature import FLEET, Origin, Peer
from features.telemetry.peers import quantiles
from serving.explanation.node_context import NodeContext
from serving.explanation.onset import LookBack, date
from serving.explanation.reason import Reason
from serving.explanation.render import words
from serving.explanation.signal import SHARES, Normal, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from numpy.typing import NDArray

    from data.schema import Metric
    from data.view import View
    from features.feature import Catalogue
    from features.grid import Index
    from features.population.at_risk import Rows
    from serving.explanation.signal import Since

MOST_REASONS: Final = 3
LEAST_LOG_ODDS: Final = math.log(1.1)  # a metric that raises the odds by less is no reason
DATED: Final = 1_000  # the riskiest nodes, whose reasons say since when


@dataclass(frozen=True, slots=True)
class Rated:
    """Rows that were scored at one time: their features, what each adds to the log-odds, what ranks the rows."""

    catalogue: Catalogue
    rows: Rows
    features: NDArray[np.float32]
    contributions: NDArray[np.float64]
    chance: NDArray[np.float64]


def explain(now: View, rated: Rated, metrics: Iterable[Metric]) -> list[tuple[Reason, ...]]:
    """Name, for each row, up to three metrics that raise its score most, the strongest first.

    A metric's share is the sum over its features. What is of the whole fleet is no reason for one node.
    """
    if not len(rated.rows):
        return []
    windows = [one.window for one in rated.catalogue.features if one.origin is Origin.WINDOW and one.window]
    background = NodeContext.of(now, metrics, min(windows, default=None))
    rack = groups_of(now, rated.rows)["rack"]
    told = _strongest(rated, _Fleet.of(rated, rack[rated.rows.node]))
    riskiest = np.argsort(-rated.chance, kind="stable")[:DATED].tolist()
    past = LookBack(now, rated.rows.names, rack, longest(rated.catalogue, now.width))
    dates = date((one for row in riskiest for one in told[row]), past)
    return [tuple(_reason(one, dates.get((one.node, one.own.name)), background) for one in own) for own in told]


def longest(catalogue: Catalogue, width: timedelta) -> timedelta:
    """Give the longest window over telemetry: as far back as reasons look; a bucket if there is none."""
    windows = (one.window for one in catalogue.features if one.origin is Origin.WINDOW and one.window)
    return max(windows, default=width)


def _reason(told: Signal, since: Since | None, background: NodeContext) -> Reason:
    return Reason(
        metric=told.feature.metric,
        statistic=told.feature.name.removeprefix(f"{told.feature.metric}__"),
        value=_known(told.value),
        unit=told.own.unit,
        low=_known(told.normal.low),
        high=_known(told.normal.high),
        since=since.when if since else None,
        or_earlier=since.or_earlier if since else False,
        odds=math.exp(told.log_odds),
        text=words(told, since, background),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _strongest(rated: Rated, fleet: _Fleet) -> list[list[Signal]]:
    """Choose each row's metrics, and of each the feature that adds most."""
    owners, rows = _owners(rated.catalogue), rated.rows
    total = rated.contributions @ owners
    order = np.argsort(-total, axis=1, kind="stable")[:, :MOST_REASONS]
    names = [rows.names[node] for node in rows.node]
    told: list[list[Signal]] = []
    for row, name in enumerate(names):
        raising = [metric for metric in order[row] if total[row, metric] >= LEAST_LOG_ODDS]
        columns = [_leader(rated.contributions[row], owners[:, metric]) for metric in raising]
        shares = [float(total[row, metric]) for metric in raising]
        told.append([fleet.tell(row, name, *one) for one in zip(columns, shares, strict=True)])
    return told


def _owners(catalogue: Catalogue) -> NDArray[np.float64]:
    """Tell which metric each feature is of: features x metrics, 1 or 0."""
    metrics = sorted({feature.metric for feature in catalogue.features} - {FLEET})
    return np.array([[float(feature.metric == metric) for metric in metrics] for feature in catalogue.features])


def _leader(added: NDArray[np.float64], own: NDArray[np.float64]) -> int:
    return int(np.argmax(np.where(own > 0, added, -np.inf)))


def _in_own_unit(catalogue: Catalogue) -> tuple[int, ...]:
    place = {name: at for at, name in enumerate(catalogue.names)}
    plain = (replace(feature, peer=Peer.NONE).name for feature in catalogue.features)
    return tuple(place.get(name, at) for at, name in enumerate(plain))


@dataclass(frozen=True, slots=True)
class _Fleet:
    """The features of all rows, and the ranges that are normal."""

    catalogue: Catalogue
    own: tuple[int, ...]  # of each feature: the one that tells the same in the metric's own unit
    features: NDArray[np.float32]
    rack: Index  # of each row
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    in_rack: dict[tuple[int, int], Normal]  # by rack and column, as they are asked for

    @classmethod
    def of(cls, rated: Rated, rack: Index) -> _Fleet:
        low, high = quantiles(rated.features.astype(np.float64), SHARES)
        return cls(rated.catalogue, _in_own_unit(rated.catalogue), rated.features, rack, low, high, {})

    def tell(self, row: int, node: str, column: int, log_odds: float) -> Signal:
        """Put a feature's value beside its normal range, both in the metric's own unit if the catalogue has that."""
        feature = self.catalogue.features[column]
        own = self.own[column]
        normal = self._normal(row, own, feature.peer)
        return Signal(node, feature, self.catalogue.features[own], float(self.features[row, own]), normal, log_odds)

    def _normal(self, row: int, column: int, peer: Peer) -> Normal:
        if peer is not Peer.RACK:
            return Normal(float(self.low[column]), float(self.high[column]))
        rack = int(self.rack[row])
        if (rack, column) not in self.in_rack:
            low, high = quantiles(self.features[self.rack == rack, column][:, None].astype(np.float64), SHARES)
            self.in_rack[rack, column] = Normal(float(low[0]), float(high[0]), is_of_rack=True)
        return self.in_rack[rack, column]
