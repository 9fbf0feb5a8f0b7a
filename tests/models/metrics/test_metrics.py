from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from models.metrics import metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sample = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Draw labels of both kinds, and probabilities with many ties."""
    rows = draw(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=1, max_size=60))
    label = np.array([True, False, *(row[0] for row in rows)], dtype=np.float64)
    return label, np.array([3, 7, *(row[1] for row in rows)]) / 20


@settings(deadline=None)
@given(samples())
def test_ranking_measures_are_scikit_learns(sample: Sample) -> None:
    assert metrics.roc_auc(*sample) == pytest.approx(roc_auc_score(*sample), abs=1e-12)
    assert metrics.average_precision(*sample) == pytest.approx(average_precision_score(*sample), abs=1e-12)


@settings(deadline=None)
@given(samples())
def test_calibration_measures_follow_their_definitions(sample: Sample) -> None:
    label, probability = sample
    assert metrics.brier(*sample) == pytest.approx(brier_score_loss(*sample), abs=1e-12)
    assert metrics.base_rate(label) == pytest.approx(label.mean())
    expected = label.mean() / probability.mean() if probability.any() else None
    assert metrics.observed_over_expected(*sample) == pytest.approx(expected)


@settings(deadline=None)
@given(samples())
def test_a_monotone_change_of_scores_leaves_the_ranking_measures(sample: Sample) -> None:
    label, probability = sample
    changed = np.exp(5 * probability)
    assert metrics.roc_auc(label, changed) == metrics.roc_auc(*sample)
    assert metrics.average_precision(label, changed) == metrics.average_precision(*sample)


def test_calibration_error_is_the_mean_distance_of_bins_by_hand() -> None:
    label = np.repeat([1.0, 0.0, 1.0], 5)
    probability = np.repeat([0.2, 0.5, 0.9], 5) + np.arange(15) * 1e-9
    assert metrics.calibration_error(label, probability) == pytest.approx((0.8 + 0.5 + 0.1) / 3, abs=1e-6)


def test_the_slope_of_true_probabilities_is_one_and_of_doubled_log_odds_a_half() -> None:
    rng = np.random.default_rng(5)
    log_odds = rng.normal(-1, 1.5, 40_000)
    label = (rng.random(40_000) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)
    assert metrics.slope(label, 1 / (1 + np.exp(-log_odds))) == pytest.approx(1.0, abs=0.05)
    assert metrics.slope(label, 1 / (1 + np.exp(-2 * log_odds))) == pytest.approx(0.5, abs=0.03)


def test_separable_labels_give_a_slope_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slope = metrics.slope(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.8, 0.9]))
    assert slope is not None
    assert slope > 5


def test_a_logit_is_finite_at_the_ends_and_beyond() -> None:
    assert np.isfinite(metrics.logit(np.array([0.0, 1.0, -3.0, 7.0]))).all()


@pytest.mark.parametrize("label", [[], [0.0, 0.0], [1.0, 1.0]])
def test_measures_that_need_both_labels_are_undefined_without(label: list[float]) -> None:
    labels, probability = np.array(label), np.linspace(0.1, 0.9, len(label))
    assert metrics.roc_auc(labels, probability) is None
    assert metrics.slope(labels, probability) is None


def test_average_precision_needs_a_failing_row() -> None:
    assert metrics.average_precision(np.zeros(2), np.ones(2)) is None
    assert metrics.average_precision(np.ones(2), np.ones(2)) == 1


def test_the_slope_of_one_probability_for_all_is_undefined() -> None:
    assert metrics.slope(np.array([0.0, 1.0]), np.array([0.5, 0.5])) is None


def test_no_rows_leave_every_measure_undefined() -> None:
    none = np.zeros(0)
    pairs = (metrics.brier, metrics.calibration_error, metrics.observed_over_expected, metrics.average_precision)
    assert [measure(none, none) for measure in pairs] == [None] * 4
    assert metrics.base_rate(none) is None
