from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.bins import equal_count_bins, equal_expectation_bins


def test_bins_hold_equal_counts_and_cut_ties_in_the_order_of_the_rows() -> None:
    assert equal_count_bins(np.array([0.5, 0.1, 0.5, 0.5]), bins=2).tolist() == [0, 0, 1, 1]
    assert np.bincount(equal_count_bins(np.random.default_rng(0).random(45), bins=15)).tolist() == [3] * 15


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 200), bins=st.integers(1, 12), is_weighted=st.booleans())
def test_every_bin_expects_about_as_many_failures(seed: int, rows: int, bins: int, *, is_weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    probability = rng.random(rows) ** 3
    weight = rng.random(rows) if is_weighted else np.ones(rows)
    bin_of_row = equal_expectation_bins(probability, bins, weight)
    expected = np.bincount(bin_of_row, weights=weight * probability, minlength=bins)
    assert len(bin_of_row) == rows
    assert expected.max() <= (weight * probability).sum() / bins + (weight * probability).max() + 1e-9
    assert (np.diff(bin_of_row[np.argsort(probability, kind="stable")]) >= 0).all()


def test_without_weights_every_row_counts_once() -> None:
    probability = np.random.default_rng(1).random(100)
    expected = equal_expectation_bins(probability, 7, np.ones(100))
    assert equal_expectation_bins(probability, 7).tolist() == expected.tolist()


@pytest.mark.parametrize("rows", [0, 4])
def test_forecasts_of_zero_do_not_divide_by_zero(rows: int) -> None:
    assert equal_expectation_bins(np.zeros(rows), 3).tolist() == [0] * rows
    assert len(equal_count_bins(np.zeros(rows), 3)) == rows
