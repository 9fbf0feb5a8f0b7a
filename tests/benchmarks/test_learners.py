from __future__ import annotations

import numpy as np
import pytest

from models.baselines.labelled_rows import LabelledRows
from tests.benchmarks.learners import RARE, HistGradientBoosting, LearnerData, varied
from tests.features.fleets import DAY
from tests.models.replays import made_up, replayed

ROWS = 4_000


def rows() -> LabelledRows:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(ROWS, 5)).astype(np.float32)
    label = (rng.random(ROWS) < 1 / (1 + np.exp(2 - 2 * values[:, 0]))).astype(np.float64)
    values[:, 1], values[:, 2], values[:, 3] = np.nan, 3.0, 0.0
    values[0, 3] = 1.0
    return LabelledRows(values, label, np.ones(ROWS))


def test_columns_of_one_value_or_none_or_a_rare_second_one_do_not_vary() -> None:
    assert varied(rows().features).tolist() == [True, False, False, False, True]
    few = np.zeros((ROWS, 1), np.float32)
    few[:RARE] = 1
    assert varied(few).all()


def test_scikit_learn_stops_early_and_forecasts_in_spite_of_such_columns() -> None:
    learner, training = HistGradientBoosting(1), rows()
    trees = learner.choose_trees(
        LabelledRows(training.features[:3000], training.label[:3000], training.weight[:3000]),
        LabelledRows(training.features[3000:], training.label[3000:], training.weight[3000:]),
    )
    probabilities = learner.fit(training, trees).predict_proba(training.features)[:, 1]
    assert 1 <= trees < 1000
    assert probabilities[training.label == 1].mean() > probabilities[training.label == 0].mean() + 0.1


def test_learners_get_the_models_matrix_and_the_rate_it_starts_from() -> None:
    data = LearnerData.of(replayed(), made_up().view(), 7 * DAY)
    training, (rows, _) = replayed().trained.training, replayed().of_horizon(7 * DAY)
    has_horizon = training.rows.ts + np.timedelta64(7, "D") <= training.rows.ts.max() + np.timedelta64(1, "D")
    assert 0 < len(data.training.label) <= np.count_nonzero(has_horizon)
    assert data.training.features.shape[1] == training.features.shape[1] + 1
    assert data.features.shape == (len(rows), training.features.shape[1] + 1)


def test_the_horizons_of_the_older_rows_end_before_the_newer_rows() -> None:
    data = LearnerData.of(replayed(), made_up().view(), 3 * DAY)
    older, newer = data.split()
    assert len(older.label) + len(newer.label) < len(data.training.label)
    assert len(older.label) > len(newer.label) > 0
    assert newer.label.sum() / data.training.label.sum() == pytest.approx(0.2, abs=0.1)
    assert data.horizon == np.timedelta64(3 * DAY)
