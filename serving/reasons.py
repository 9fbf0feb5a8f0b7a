"""Why a node is at risk: what each metric adds to its score, in words and units."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.catalogue import Catalogue, Feature
    from models.hazard import Covariates, HazardModel

MOST_REASONS = 3
LEAST_CONTRIBUTION = 0.05  # log-odds: below this a metric is no reason
MEANINGFUL_DIGITS = 3


def explain(model: HazardModel, catalogue: Catalogue, seen: Covariates) -> list[str]:
    """Name, for each row, the metrics that raise its score most: the strongest feature, its value, the median."""
    if not len(seen.features):
        return []
    contribution = model.contributions(seen)
    metrics = sorted({feature.metric for feature in catalogue.features})
    of_metric = np.array([metrics.index(feature.metric) for feature in catalogue.features])
    by_metric = np.zeros((len(contribution), len(metrics)))
    np.add.at(by_metric.T, of_metric, contribution.T)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature that no node has has no median
        median = np.nanmedian(seen.features, axis=0)
    return [
        _sentence(catalogue, seen.features[row], median, contribution[row], _strongest(by_metric[row], of_metric))
        for row in range(len(contribution))
    ]


def _strongest(by_metric: NDArray[np.float64], of_metric: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Give the features of the metrics that raise a score most, the strongest metric first."""
    ranked = np.argsort(-by_metric, kind="stable")[:MOST_REASONS]
    return [np.flatnonzero(of_metric == metric) for metric in ranked if by_metric[metric] >= LEAST_CONTRIBUTION]


def _sentence(
    catalogue: Catalogue,
    values: NDArray[np.float32],
    median: NDArray[np.float32],
    contribution: NDArray[np.float64],
    groups: list[NDArray[np.int64]],
) -> str:
    parts = []
    for group in groups:
        at = int(group[np.argmax(contribution[group])])
        parts.append(_clause(catalogue.features[at], float(values[at]), float(median[at])))
    return "; ".join(parts)


def _clause(feature: Feature, value: float, median: float) -> str:
    told = "missing" if np.isnan(value) else f"{_number(value)} {feature.unit}".rstrip()
    beside = "" if np.isnan(median) else f" (fleet {_number(median)})"
    return f"{feature.name} {told}{beside}"


def _number(value: float) -> str:
    return f"{value:.{MEANINGFUL_DIGITS}g}" if abs(value) < 10**MEANINGFUL_DIGITS else f"{value:,.0f}"
