from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from features.training.person_periods import Periods
from features.training.training_set import draw_rows
from models.hazard.boosting import fit
from models.hazard.model import Covariates, HazardModel
from tests.models.lifetimes import HORIZONS, NAMES, QUICK, Lifetimes, fitted, lifetimes

Floats = NDArray[np.float64]


def assert_close(probabilities: Floats, expected: Floats, group: NDArray[np.int64]) -> None:
    """Compare mean probabilities: of all rows, and of rows of like risk."""
    assert probabilities.mean() == pytest.approx(expected.mean(), rel=0.04)
    assert len(np.unique(group)) == 2
    for number in np.unique(group):
        assert probabilities[group == number].mean() == pytest.approx(expected[group == number].mean(), rel=0.15)


def assert_recovers(model: HazardModel, truth: Lifetimes) -> None:
    half = np.argsort(np.argsort(truth.rate)) * 2 // len(truth.rate)
    probabilities = model.probabilities(truth.covariates)
    assert probabilities.shape[1] == len(HORIZONS)
    for column, horizon in enumerate(HORIZONS):
        assert_close(probabilities[:, column], truth.true_probability(horizon), half)


@pytest.mark.parametrize("censored_share", [0.0, 0.5])
def test_true_probabilities_are_recovered_however_many_rows_are_censored(censored_share: float) -> None:
    rng = np.random.default_rng(11)
    assert_recovers(fitted(lifetimes(rng, censored_share=censored_share)), lifetimes(rng))


def test_true_probabilities_are_recovered_from_a_sample_of_the_rows_that_do_not_fail() -> None:
    rng = np.random.default_rng(12)
    rows = lifetimes(rng, 25_000, censored_share=0.5)
    drawn = draw_rows(rows.periods, 1.0, rng)
    covariates, periods = rows.covariates.take(drawn.positions), rows.periods.take(drawn.positions)
    assert drawn.weight.max() > 2
    assert_recovers(fit(covariates, periods, drawn.weight, NAMES, QUICK), lifetimes(rng))


def test_without_exposure_censored_rows_would_pass_for_survivors() -> None:
    rng = np.random.default_rng(13)
    rows, truth = lifetimes(rng, censored_share=0.9), lifetimes(rng)
    fully_exposed = replace(rows, periods=replace(rows.periods, exposure=np.ones_like(rows.periods.exposure)))
    too_low = fitted(fully_exposed).probabilities(truth.covariates)[:, -1].mean()
    assert too_low < 0.85 * truth.true_probability(HORIZONS[-1]).mean()


def texts(model: HazardModel) -> list[str]:
    return [booster.model_to_string() for booster in model.boosters]


def test_the_same_seed_gives_the_same_text_and_another_one_another() -> None:
    rows = lifetimes(np.random.default_rng(1), 600)
    params = replace(QUICK, trees=5, seeds=2, row_share=0.5)
    first, same, other = (texts(fitted(rows, params)) for params in (params, params, replace(params, random_seed=2)))
    assert first == same
    assert first != other
    assert len(set(first)) == 2


@pytest.mark.parametrize("min_child", [1, 5, 200])
def test_leaves_may_be_of_any_least_size(min_child: int) -> None:
    rows = lifetimes(np.random.default_rng(4), 500)
    model = fitted(rows, replace(QUICK, trees=3, min_child=min_child))
    assert np.isfinite(model.probabilities(rows.covariates)).all()


def test_missing_features_and_rows_that_are_not_at_risk_need_no_preparation() -> None:
    rows = lifetimes(np.random.default_rng(5), 500, censored_share=1.0)
    features = rows.covariates.features.copy()
    features[::3] = np.nan
    covariates = Covariates(features, rows.covariates.fleet_rate)
    model = fit(covariates, rows.periods, np.ones(500), NAMES, replace(QUICK, trees=3))
    assert np.isfinite(model.probabilities(covariates)).all()


def test_an_interval_without_any_known_outcome_is_forecast_all_the_same() -> None:
    rows = lifetimes(np.random.default_rng(7), 300)
    outcome = rows.periods.outcome.copy()
    outcome[:, 2] = np.nan
    periods = Periods(HORIZONS, rows.periods.repeats, outcome, rows.periods.exposure)
    model = fit(rows.covariates, periods, np.ones(300), NAMES, replace(QUICK, trees=2))
    assert np.isfinite(model.probabilities(rows.covariates)).all()
