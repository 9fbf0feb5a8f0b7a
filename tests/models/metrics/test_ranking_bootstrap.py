from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics import metrics
from models.metrics.ranking_bootstrap import cut_segments, resampled_ranking

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ranked_by_segments(
    label: NDArray[np.float64], probability: NDArray[np.float64], weight: NDArray[np.float64]
) -> dict[str, float]:
    segments = cut_segments(label, probability)
    hits = np.bincount(segments.of_row, weights=weight * label, minlength=segments.count)
    misses = np.bincount(segments.of_row, weights=weight * (1 - label), minlength=segments.count)
    draws = resampled_ranking(segments, hits[:, None].astype(np.float64), misses[:, None].astype(np.float64))
    return {name: float(draw[0]) for name, draw in draws.items()}


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2, 7, 1000]))
def test_a_resample_ranks_as_its_repeated_rows_do(seed: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    probability = rng.integers(0, distinct, 80) / distinct
    label = (rng.random(80) < 0.05 + 0.3 * probability).astype(np.float64)
    weight = rng.poisson(1, 80).astype(np.float64)
    draws = ranked_by_segments(label, probability, weight)
    many, scores = np.repeat(label, weight.astype(int)), np.repeat(probability, weight.astype(int))
    for name, measure in (("roc_auc", metrics.roc_auc), ("pr_auc", metrics.average_precision)):
        expected = measure(many, scores)
        assert draws[name] == pytest.approx(np.nan if expected is None else expected, abs=1e-12, nan_ok=True)


def test_the_slope_of_bins_is_close_to_the_slope_of_rows() -> None:
    rng = np.random.default_rng(4)
    log_odds = rng.normal(-5, 1.2, 60_000)
    label = (rng.random(60_000) < 1 / (1 + np.exp(-0.8 * log_odds - 0.5))).astype(np.float64)
    probability = 1 / (1 + np.exp(-log_odds))
    binned = ranked_by_segments(label, probability, np.ones(60_000))["slope"]
    assert binned == pytest.approx(metrics.slope(label, probability), rel=0.01)


def test_thousands_of_failing_rows_are_merged_without_moving_the_figures() -> None:
    rng = np.random.default_rng(6)
    probability = rng.random(60_000) ** 3
    label = (rng.random(60_000) < 0.3 * probability).astype(np.float64)
    draws = ranked_by_segments(label, probability, np.ones(60_000))
    assert cut_segments(label, probability).count < 2 * (1024 + 256) + 2
    assert draws["roc_auc"] == pytest.approx(metrics.roc_auc(label, probability), abs=1e-4)
    assert draws["pr_auc"] == pytest.approx(metrics.average_precision(label, probability), abs=1e-3)


@pytest.mark.parametrize("label", [np.zeros(5), np.ones(5)])
def test_one_kind_of_label_leaves_roc_auc_and_slope_undefined(label: NDArray[np.float64]) -> None:
    draws = ranked_by_segments(label, np.linspace(0, 1, 5), np.ones(5))
    assert np.isnan(draws["roc_auc"])
    assert np.isnan(draws["slope"])


def test_a_single_row_is_one_segment_of_its_own() -> None:
    segments = cut_segments(np.ones(1), np.array([0.3]))
    assert (segments.of_row.tolist(), segments.count) == ([1], 3)
