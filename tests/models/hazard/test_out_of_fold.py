from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from features.grid import to_numpy
from models.hazard.out_of_fold import OutOfFoldForecast, forecasts, metrics
from models.hazard.train import train
from tests.models.replays import HORIZONS, SPLIT, made_up, setup_of, trained


def test_forecasts_are_of_rows_that_the_folds_models_had_not_learned_from() -> None:
    predictions = trained().fitted.out_of_fold
    assert predictions is not None
    assert set(forecasts(trained())) == set(HORIZONS)
    for forecast in forecasts(trained()).values():
        assert 0 < len(forecast.label) <= len(predictions.rows)
        assert set(forecast.label.tolist()) == {0.0, 1.0}
        assert ((forecast.probability > 0) & (forecast.probability < 1)).all()


def test_a_label_that_reaches_past_the_split_is_left_out() -> None:
    predictions, training = trained().fitted.out_of_fold, trained().training
    assert predictions is not None
    ends = training.rows.ts[predictions.rows] + 7 * np.timedelta64(86_400_000_000, "us")
    failing = int(forecasts(trained())[HORIZONS[-1]].label.sum())
    assert len(forecasts(trained())[HORIZONS[-1]].label) <= int((ends <= to_numpy(SPLIT)).sum()) + failing


def test_metrics_equal_those_of_scikit_learn_with_rows_repeated_by_weight() -> None:
    forecast = OutOfFoldForecast(
        np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]), np.array([3.0, 1.0, 1.0, 1.0])
    )
    repeated = [0, 0, 0, 1, 2, 3]
    label, probability = forecast.label[repeated], forecast.probability[repeated]
    assert metrics({timedelta(days=7): forecast}) == pytest.approx(
        {
            "pr_auc_7d": average_precision_score(label, probability),
            "roc_auc_7d": roc_auc_score(label, probability),
            "observed_over_expected_7d": label.sum() / probability.sum(),
        }
    )


def test_a_metric_names_its_horizon() -> None:
    forecast = OutOfFoldForecast(np.array([0.1, 0.4]), np.array([0.0, 1.0]), np.ones(2))
    names = metrics({timedelta(hours=6): forecast, timedelta(minutes=90): forecast, timedelta(days=14): forecast})
    assert [name.removeprefix("pr_auc_") for name in names if name.startswith("pr_auc")] == ["6h", "1h30m", "14d"]


def test_without_folds_nothing_was_forecast() -> None:
    assert forecasts(train(made_up().view(SPLIT), setup_of(min_failures=10_000))) == {}
    assert metrics({}) == {}
