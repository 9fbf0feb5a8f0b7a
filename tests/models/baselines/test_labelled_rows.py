from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.baselines.labelled_rows import Forecast, LabelledRows
from models.baselines.logistic import fit_logistic
from models.baselines.raw_lightgbm import fit_lightgbm_raw
from tests.models.baselines.rows import drawn, labelled

Fit = Callable[[LabelledRows, int], Forecast]


def test_the_share_of_failing_rows_is_weighted() -> None:
    assert labelled([[0.0]] * 3, [1, 0, 0], [1, 4, 5]).failing_share == pytest.approx(0.1)
    assert 0 < labelled([], []).failing_share < 1e-9


@pytest.mark.parametrize("fit", [fit_logistic, fit_lightgbm_raw])
def test_a_learner_heeds_the_weights_of_rows(fit: Fit) -> None:
    rng = np.random.default_rng(4)
    rows, new_features = drawn(rng, 300), drawn(rng, 300).features
    heavy = LabelledRows(rows.features, rows.label, np.where(rows.label == 1, 5.0, 1.0))
    assert fit(heavy, 1)(new_features).mean() > 1.05 * fit(rows, 1)(new_features).mean()


@pytest.mark.parametrize("fit", [fit_logistic, fit_lightgbm_raw])
@pytest.mark.parametrize(("label", "expected"), [([0, 0, 0], 0.0), ([1, 1, 1], 1.0)])
def test_labels_of_one_kind_are_forecast_for_every_row(fit: Fit, label: list[float], expected: float) -> None:
    rows = labelled([[1.0], [2.0], [3.0]], label)
    assert fit(rows, 1)(rows.features[:2]).tolist() == [expected, expected]
