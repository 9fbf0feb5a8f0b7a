from __future__ import annotations

import numpy as np
import pytest

from models.baselines.labelled_rows import LabelledRows
from models.baselines.logistic import fit_logistic
from tests.models.baselines.rows import drawn


def test_the_logistic_baseline_learns_and_fills_gaps() -> None:
    rows = drawn(np.random.default_rng(3), 2000)
    rows.features[::5, 0] = np.nan
    features = np.column_stack([rows.features, np.full(2000, np.nan)]).astype(np.float32)
    probabilities = fit_logistic(LabelledRows(features, rows.label, rows.weight), 1)(features)
    assert np.isfinite(probabilities).all()
    assert probabilities[rows.label == 1].mean() > 2 * probabilities[rows.label == 0].mean()
    assert probabilities.mean() == pytest.approx(rows.label.mean(), rel=0.02)
