"""Finds the metrics that raise each node's score, how far from normal they are, and since when."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from features.events.history import groups_of
from features.feature import FLEET, Origin, Peer
from features.telemetry.peers import quantiles
from serving.explanation.node_context import NodeContext
from serving.explanation.onset import LookBack, find_onsets
from serving.explanation.reason import Reason
from serving.explanation.render import reason_text
from serving.explanation.signal import NORMAL_SHARES, NormalRange, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from numpy.typing import NDArray

    from data.schema import Metric
    from data.view import View
    from features.feature import Catalogue
    from features.grid import Index
    from features.population.at_risk import Rows
    from serving.explanation.signal import Onset

MOST_REASONS: Final = 3
LEAST_LOG_ODDS: Final = math.log(1.1)  # a metric that raises the odds by less is no reason
MOST_DATED: Final = 1_000  # only the riskiest nodes have reasons with a time since when


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """Rows scored at one time: their features, the contribution of each to the log-odds, and their probabilities."""

    catalogue: Catalogue
    rows: Rows
    features: NDArray[np.float32]
    contributions: NDArray[np.float64]
    probability: NDArray[np.float64]  # ranks the rows


def explain(now: View, scored: ScoredRows, metrics: Iterable[Metric]) -> list[tuple[Reason, ...]]:
    """Return, for each row, up to three metrics that raise its score most, the strongest first.

    A metric's share is the sum over its features. Features of the whole fleet are never a reason.
    """
    if not len(scored.rows):
        return []
    context = NodeContext.of(now, metrics, min(_sampled_windows(scored.catalogue), default=None))
    rack = groups_of(now, scored.rows)["rack"]
    signals = _strongest(scored, _FleetFeatures.of(scored, rack[scored.rows.node]))
    riskiest = np.argsort(-scored.probability, kind="stable")[:MOST_DATED].tolist()
    look_back = LookBack(now, scored.rows.names, rack, longest_window(scored.catalogue, now.width))
    onsets = find_onsets((signal for row in riskiest for signal in signals[row]), look_back)
    return [
        tuple(_reason(signal, onsets.get((signal.node, signal.shown.name)), context) for signal in of_row)
        for of_row in signals
    ]


def longest_window(catalogue: Catalogue, width: timedelta) -> timedelta:
    """Return the longest window over telemetry, which is how far back reasons look; one bucket if there is none."""
    return max(_sampled_windows(catalogue), default=width)


def _sampled_windows(catalogue: Catalogue) -> list[timedelta]:
    return [f.window for f in catalogue.features if f.origin is Origin.SAMPLED and f.window]


def _reason(signal: Signal, since: Onset | None, context: NodeContext) -> Reason:
    return Reason(
        metric=signal.feature.metric,
        statistic=signal.feature.name.removeprefix(f"{signal.feature.metric}__"),
        value=_known(signal.value),
        unit=signal.shown.unit,
        low=_known(signal.normal.low),
        high=_known(signal.normal.high),
        since=since.when if since else None,
        or_earlier=since.or_earlier if since else False,
        odds=math.exp(signal.log_odds),
        text=reason_text(signal, since, context),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _strongest(scored: ScoredRows, fleet: _FleetFeatures) -> list[list[Signal]]:
    """Choose each row's strongest metrics, and the feature of each that contributes most."""
    of_metric, rows = _features_by_metric(scored.catalogue), scored.rows
    total = scored.contributions @ of_metric
    order = np.argsort(-total, axis=1, kind="stable")[:, :MOST_REASONS]
    signals: list[list[Signal]] = []
    for row, node in enumerate(rows.node):
        raising = [metric for metric in order[row] if total[row, metric] >= LEAST_LOG_ODDS]
        signals.append(
            [
                fleet.signal(
                    row,
                    rows.names[node],
                    _strongest_feature(scored.contributions[row], of_metric[:, metric]),
                    float(total[row, metric]),
                )
                for metric in raising
            ]
        )
    return signals


def _features_by_metric(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return which metric each feature belongs to: features x metrics, 1 or 0."""
    metrics = sorted({feature.metric for feature in catalogue.features} - {FLEET})
    return np.array([[float(feature.metric == metric) for metric in metrics] for feature in catalogue.features])


def _strongest_feature(contributions: NDArray[np.float64], is_of_metric: NDArray[np.float64]) -> int:
    return int(np.argmax(np.where(is_of_metric > 0, contributions, -np.inf)))


def _columns_in_metric_unit(catalogue: Catalogue) -> tuple[int, ...]:
    """Return, for each feature, the column of the same feature without peers, or its own column if there is none."""
    columns = catalogue.columns
    plain_names = (replace(feature, peer=Peer.NONE).name for feature in catalogue.features)
    return tuple(columns.get(name, column) for column, name in enumerate(plain_names))


@dataclass(frozen=True, slots=True)
class _FleetFeatures:
    """The features of all rows, and their normal ranges."""

    catalogue: Catalogue
    shown: tuple[int, ...]  # for each feature: the column of the same feature in the metric's own unit
    features: NDArray[np.float32]
    rack: Index  # of each row
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    in_rack: dict[tuple[int, int], NormalRange]  # by rack and column, computed when first needed

    @classmethod
    def of(cls, scored: ScoredRows, rack: Index) -> _FleetFeatures:
        low, high = quantiles(scored.features.astype(np.float64), NORMAL_SHARES)
        return cls(scored.catalogue, _columns_in_metric_unit(scored.catalogue), scored.features, rack, low, high, {})

    def signal(self, row: int, node: str, column: int, log_odds: float) -> Signal:
        """Return a feature's value with its normal range, both in the metric's own unit if the catalogue has it."""
        feature, shown = self.catalogue.features[column], self.shown[column]
        normal = self._normal(row, shown, feature.peer)
        return Signal(node, feature, self.catalogue.features[shown], float(self.features[row, shown]), normal, log_odds)

    def _normal(self, row: int, column: int, peer: Peer) -> NormalRange:
        if peer is not Peer.RACK:
            return NormalRange(float(self.low[column]), float(self.high[column]))
        rack = int(self.rack[row])
        if (rack, column) not in self.in_rack:
            of_rack = self.features[self.rack == rack, column][:, None].astype(np.float64)
            low, high = quantiles(of_rack, NORMAL_SHARES)
            self.in_rack[rack, column] = NormalRange(float(low[0]), float(high[0]), is_of_rack=True)
        return self.in_rack[rack, column]
