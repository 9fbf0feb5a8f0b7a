"""Why a node is at risk: what each metric adds to its score, in words and units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from features.catalogue import FLEET, TIMES_FLEET, Peer, window_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from features.catalogue import Catalogue, Feature

MOST_REASONS: Final = 3
SEPARATOR: Final = "; "
LEGEND: Final = "odds x2: the metric doubles the node's odds of failing; fleet: the median of all nodes"
LEAST_LOG_ODDS: Final = 0.05  # below this a metric is no reason
DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """What one metric adds to a node's log-odds of failing, and its feature that adds most of it."""

    feature: Feature
    value: float  # NaN: missing
    fleet_median: float  # NaN: no node has it
    log_odds: float

    def __str__(self) -> str:
        """Say it on one line."""
        told = "missing" if math.isnan(self.value) else f"{_number(self.value)} {self.feature.unit}".rstrip()
        is_relative = self.feature.peer != Peer.NONE or self.feature.unit == TIMES_FLEET
        beside = "" if is_relative or math.isnan(self.fleet_median) else f" (fleet {_number(self.fleet_median)})"
        return f"{_title(self.feature)}: {told}{beside}, odds x{_number(math.exp(self.log_odds), 2)}"


def explain(
    catalogue: Catalogue, features: NDArray[np.float32], contributions: NDArray[np.float64]
) -> list[tuple[Reason, ...]]:
    """Name, for each row, up to three metrics that raise its score most, the strongest first.

    What is of the whole fleet is no reason for one node.
    """
    owners = _owners(catalogue)
    by_metric = contributions @ owners
    median = _medians(features)
    return [
        tuple(
            _reason(catalogue, row, median, np.where(owners[:, metric] > 0, added, -np.inf), total[metric])
            for metric in np.argsort(-total, kind="stable")[:MOST_REASONS]
            if total[metric] >= LEAST_LOG_ODDS
        )
        for row, added, total in zip(features, contributions, by_metric, strict=True)
    ]


def in_words(reasons: Iterable[Reason]) -> str:
    """Put reasons on one line."""
    return SEPARATOR.join(str(reason) for reason in reasons)


def _owners(catalogue: Catalogue) -> NDArray[np.float64]:
    """Tell which metric each feature is of: features x metrics, 1 or 0."""
    metrics = sorted({feature.metric for feature in catalogue.features} - {FLEET})
    return np.array([[float(feature.metric == metric) for metric in metrics] for feature in catalogue.features])


def _medians(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give each feature's median over the rows that have it; NaN where none has."""
    has_any = ~np.all(np.isnan(features), axis=0)
    out = np.full(features.shape[1], np.nan, dtype=np.float32)
    out[has_any] = np.nanmedian(features[:, has_any], axis=0)
    return out


def _reason(
    catalogue: Catalogue,
    row: NDArray[np.float32],
    median: NDArray[np.float32],
    added: NDArray[np.float64],
    log_odds: float,
) -> Reason:
    at = int(np.argmax(added))
    return Reason(catalogue.features[at], float(row[at]), float(median[at]), float(log_odds))


def _title(feature: Feature) -> str:
    """Name a feature in words; the metric keeps its own name, to be looked up by."""
    told = f"{feature.stat} {feature.peer}".replace("_", " ").rstrip()
    over = "" if feature.window is None else f" over {window_name(feature.window)}"
    return f"{feature.metric} {told}{over}"


def _number(value: float, digits: int = DIGITS) -> str:
    """Write a number with so many digits, and no power of ten where it is large."""
    return f"{value:.{digits}g}" if abs(value) < 10**digits - 0.5 else f"{value:,.0f}"
