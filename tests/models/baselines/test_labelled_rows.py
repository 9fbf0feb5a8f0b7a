from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from models.baselines.labelled_rows import LabelledRows
from models.baselines.logistic import logistic
from models.baselines.raw_lightgbm import lightgbm_raw
from tests.models.baselines.rows import drawn, labelled

Forecast = Callable[[LabelledRows, NDArray[np.float32], int], NDArray[np.float64]]


def test_the_share_of_failing_rows_is_weighted() -> None:
    assert labelled([[0.0]] * 3, [1, 0, 0], [1, 4, 5]).failing_share == pytest.approx(0.1)
    assert 0 < labelled([], []).failing_share < 1e-9


@pytest.mark.parametrize("forecast", [logistic, lightgbm_raw])
def test_a_learner_heeds_the_weights_of_rows(forecast: Forecast) -> None:
    rng = np.random.default_rng(4)
    rows, new_features = drawn(rng, 300), drawn(rng, 300).features
    heavy = LabelledRows(rows.features, rows.label, np.where(rows.label == 1, 5.0, 1.0))
    assert forecast(heavy, new_features, 1).mean() > 1.05 * forecast(rows, new_features, 1).mean()


@pytest.mark.parametrize("forecast", [logistic, lightgbm_raw])
@pytest.mark.parametrize(("label", "expected"), [([0, 0, 0], 0.0), ([1, 1, 1], 1.0)])
def test_labels_of_one_kind_are_forecast_for_every_row(forecast: Forecast, label: list[float], expected: float) -> None:
    rows = labelled([[1.0], [2.0], [3.0]], label)
    assert forecast(rows, rows.features[:2], 1).tolist() == [expected, expected]
