from __future__ import annotations

import numpy as np
import pytest

from models.baselines.labelled_rows import LabelledRows
from tests.benchmarks.rivals import RARE, Ground, HistGradientBoosting, varied
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


def test_columns_of_one_value_or_none_or_a_rare_second_one_are_told_apart() -> None:
    assert varied(rows().features).tolist() == [True, False, False, False, True]
    few = np.zeros((ROWS, 1), np.float32)
    few[:RARE] = 1
    assert varied(few).all()


def test_scikit_learn_stops_early_and_forecasts_in_spite_of_such_columns() -> None:
    rival, every = HistGradientBoosting(1), rows()
    trees = rival.trees(
        LabelledRows(every.features[:3000], every.label[:3000], every.weight[:3000]),
        LabelledRows(every.features[3000:], every.label[3000:], every.weight[3000:]),
    )
    told = rival.fit(every, trees).predict_proba(every.features)[:, 1]
    assert 1 <= trees < 1000
    assert told[every.label == 1].mean() > told[every.label == 0].mean() + 0.1


def test_rivals_see_the_models_matrix_and_the_rate_it_starts_from() -> None:
    told = replayed()
    ground = Ground.of(told, made_up().view(), 7.0)
    training, rows = told.trained.training, told.of_horizon(7.0)[0]
    newest = training.rows.ts + np.timedelta64(7, "D") <= training.rows.ts.max() + np.timedelta64(1, "D")
    assert 0 < len(ground.training.label) <= np.count_nonzero(newest)
    assert ground.training.features.shape[1] == training.features.shape[1] + 1
    assert ground.features.shape == (len(rows), training.features.shape[1] + 1)


def test_the_newer_rows_tell_nothing_of_the_older_ones_horizons() -> None:
    ground = Ground.of(replayed(), made_up().view(), 3.0)
    older, newer = ground.split()
    assert len(older.label) + len(newer.label) < len(ground.training.label)
    assert len(older.label) > len(newer.label) > 0
    assert newer.label.sum() / ground.training.label.sum() == pytest.approx(0.2, abs=0.1)
    assert ground.horizon == np.timedelta64(3 * DAY)
