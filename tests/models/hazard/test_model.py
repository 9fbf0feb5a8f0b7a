from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.special import expit, logit

from features.training.person_periods import Periods
from features.training.training_set import sample
from models.hazard import rank_logistic
from models.hazard.model import (
    Calibration,
    Covariates,
    HazardModel,
    base_log_odds,
    by_time,
    calibrated,
    cumulative,
    fit,
    pooled,
)
from tests.models.lifetimes import HORIZONS, NAMES, QUICK, USUAL_RATE, Lives, lives

if TYPE_CHECKING:
    from models.setup import Params

Floats = NDArray[np.float64]
HAZARDS = arrays(np.float64, (3, len(HORIZONS)), elements=st.floats(0, 1))


def fitted(told: Lives, params: Params = QUICK) -> HazardModel:
    return fit(told.covariates, told.periods, np.ones(len(told.rate)), NAMES, params)


@given(HAZARDS)
def test_the_probability_rises_with_the_horizon_and_stays_one(hazards: Floats) -> None:
    told = cumulative(hazards)
    assert ((told >= 0) & (told <= 1)).all()
    assert (np.diff(told, axis=1) >= 0).all()


def test_the_probability_is_one_minus_the_product_of_the_survivals() -> None:
    assert cumulative(np.array([[0.1, 0.2, 0.5]])) == pytest.approx(np.array([[0.1, 0.28, 0.64]]))


@given(HAZARDS, st.lists(st.floats(0, HORIZONS[-1]), min_size=2, max_size=5))
def test_the_probability_by_any_time_rises_and_meets_the_horizons(hazards: Floats, days: list[float]) -> None:
    at_horizons = np.column_stack([by_time(hazards, HORIZONS, horizon) for horizon in HORIZONS])
    assert at_horizons == pytest.approx(cumulative(hazards), abs=1e-12)
    path = np.column_stack([by_time(hazards, HORIZONS, after) for after in sorted(days)])
    assert (np.diff(path, axis=1) >= -1e-15).all()
    assert ((path >= 0) & (path <= 1)).all()


def test_the_hazard_is_constant_inside_an_interval() -> None:
    (halfway,) = by_time(np.array([[0.0, 0.19, 0.5]]), HORIZONS, 2.0)
    assert halfway == pytest.approx(0.1)  # 0.9 x 0.9 survive both halves of the second interval


@pytest.mark.parametrize("after", [HORIZONS[-1] + 1e-9, -1e-9, np.nan, np.inf])
def test_beyond_the_horizons_nothing_is_told(after: float) -> None:
    assert np.isnan(by_time(np.full((2, 3), 0.1), HORIZONS, after)).all()


@given(st.floats(1e-8, 2), st.floats(0.05, 30))
def test_the_base_is_the_log_odds_of_failing_at_the_fleets_rate(rate: float, width: float) -> None:
    told = base_log_odds(np.array([rate]), np.array([width]))
    assert expit(told) == pytest.approx(np.clip(1 - np.exp(-rate * width), 1e-9, 1 - 1e-9), rel=1e-6)


def test_the_base_by_hand() -> None:
    rate = np.array([[np.log(2)], [0.0]])
    assert base_log_odds(rate, np.array([1.0, 2.0]))[0] == pytest.approx([0.0, logit(0.75)])
    assert np.isfinite(base_log_odds(rate, np.array([1.0, 2.0]))).all()


def test_no_score_is_too_extreme() -> None:
    told = calibrated(np.zeros(2), np.array([-1e4, 1e4]), Calibration(np.zeros(1), np.ones(1)))
    assert told.tolist() == [0.0, 1.0]


def assert_close(told: Floats, true: Floats, groups: NDArray[np.int64]) -> None:
    """Compare mean probabilities: of all rows, and of rows of like risk."""
    assert told.mean() == pytest.approx(true.mean(), rel=0.04)
    for group in np.unique(groups):
        assert told[groups == group].mean() == pytest.approx(true[groups == group].mean(), rel=0.15)


def assert_recovers(model: HazardModel, truth: Lives) -> None:
    groups = np.argsort(np.argsort(truth.rate)) * 2 // len(truth.rate)
    told = model.probabilities(truth.covariates)
    for at, horizon in enumerate(HORIZONS):
        assert_close(told[:, at], truth.true_probability(horizon), groups)
    hazards = model.hazards(truth.covariates)
    assert_close(by_time(hazards, HORIZONS, 5.0), truth.true_probability(5.0), groups)


@pytest.mark.parametrize("censored_share", [0.0, 0.5])
def test_true_probabilities_are_recovered_however_many_rows_are_censored(censored_share: float) -> None:
    rng = np.random.default_rng(11)
    assert_recovers(fitted(lives(rng, censored_share=censored_share)), lives(rng))


def test_true_probabilities_are_recovered_from_a_sample_of_the_rows_that_do_not_fail() -> None:
    rng = np.random.default_rng(12)
    told = lives(rng, 25_000, censored_share=0.5)
    drawn = sample(told.periods, 1.0, rng)
    seen, periods = told.covariates.take(drawn.chosen), told.periods.take(drawn.chosen)
    assert drawn.weight.max() > 2
    assert_recovers(fit(seen, periods, drawn.weight, NAMES, QUICK), lives(rng))


def test_without_exposure_censored_rows_would_pass_for_survivors() -> None:
    rng = np.random.default_rng(13)
    told, truth = lives(rng, censored_share=0.9), lives(rng)
    all_seen = replace(told, periods=replace(told.periods, exposure=np.ones_like(told.periods.exposure)))
    wrong = fitted(all_seen).probabilities(truth.covariates)[:, -1].mean()
    assert wrong < 0.85 * truth.true_probability(HORIZONS[-1]).mean()


def test_the_same_seed_gives_the_same_text_and_another_one_another() -> None:
    told = lives(np.random.default_rng(1), 600)
    params = replace(QUICK, trees=5, seeds=2, row_share=0.5)
    one, same, other = (fitted(told, use) for use in (params, params, replace(params, random_seed=2)))
    assert texts(one) == texts(same)
    assert texts(one) != texts(other)
    assert len(set(texts(one))) == 2


def texts(model: HazardModel) -> list[str]:
    return [booster.model_to_string() for booster in model.boosters]


def test_contributions_the_intervals_own_and_the_base_add_up_to_the_log_odds_of_the_hazard() -> None:
    told = lives(np.random.default_rng(2), 3_000)
    scale, offset = np.array([0.5, 1.0, 1.7]), np.array([0.1, 0.0, -0.3])
    model = fitted(told, replace(QUICK, trees=20, seeds=2)).calibrate(Calibration(offset, scale))
    rows = told.covariates.take(np.arange(50))
    log_odds = logit(model.hazards(rows)).mean(axis=1)
    left = log_odds - (model.base(rows.fleet_rate) + offset).mean(axis=1) - model.contributions(rows).sum(axis=1)
    assert np.ptp(left) < 0.1 * np.ptp(log_odds)
    asked = [np.column_stack([rows.features, np.full(50, at, np.float32)]) for at in range(3)]
    own = [
        scale[at] * np.asarray(booster.predict(asked[at], pred_contrib=True))[:, -2:].sum(axis=1)
        for booster in model.boosters
        for at in range(3)
    ]
    assert left == pytest.approx(np.mean(own, axis=0))


def test_scores_are_the_mean_of_the_seeds() -> None:
    told = lives(np.random.default_rng(3), 800)
    model = fitted(told, replace(QUICK, trees=5, seeds=2))
    each = [replace(model, boosters=(booster,)).scores(told.covariates) for booster in model.boosters]
    assert model.scores(told.covariates) == pytest.approx((each[0] + each[1]) / 2)


@pytest.mark.parametrize("min_child", [1, 5, 200])
def test_leaves_may_be_as_small_as_wanted(min_child: int) -> None:
    told = lives(np.random.default_rng(4), 500)
    model = fitted(told, replace(QUICK, trees=3, min_child=min_child))
    assert np.isfinite(model.probabilities(told.covariates)).all()


def test_missing_features_and_rows_out_of_risk_are_taken_as_they_are() -> None:
    told = lives(np.random.default_rng(5), 500, censored_share=1.0)
    features = told.covariates.features.copy()
    features[::3] = np.nan
    seen = Covariates(features, told.covariates.fleet_rate)
    model = fit(seen, told.periods, np.ones(500), NAMES, replace(QUICK, trees=3))
    assert np.isfinite(model.probabilities(seen)).all()


def test_without_rows_there_is_nothing_to_tell() -> None:
    told = lives(np.random.default_rng(6), 300)
    nobody = told.covariates.take(np.zeros(0, dtype=np.int64))
    for model in (fitted(told, replace(QUICK, trees=2)), pooled(NAMES, HORIZONS)):
        assert model.probabilities(nobody).shape == (0, 3)
        assert model.contributions(nobody).shape == (0, 3)


def test_an_interval_that_nobody_was_seen_in_is_forecast_all_the_same() -> None:
    told = lives(np.random.default_rng(7), 300)
    outcome = told.periods.outcome.copy()
    outcome[:, 2] = np.nan
    cut = Periods(HORIZONS, outcome, told.periods.exposure)
    model = fit(told.covariates, cut, np.ones(300), NAMES, replace(QUICK, trees=2))
    assert np.isfinite(model.probabilities(told.covariates)).all()


def test_the_pooled_model_multiplies_the_fleets_odds_by_the_nodes_relative_rate() -> None:
    seen = Covariates(np.array([[0, 0, 1], [0, 0, 3]], np.float32), np.array([USUAL_RATE, USUAL_RATE]))
    model = pooled(NAMES, HORIZONS)
    odds = model.hazards(seen) / (1 - model.hazards(seen))
    assert odds[1] == pytest.approx(3 * odds[0], rel=1e-6)
    assert model.probabilities(seen)[0] == pytest.approx(1 - np.exp(-USUAL_RATE * np.array(HORIZONS)))
    assert model.contributions(seen) == pytest.approx(np.array([[0, 0, 0], [0, 0, np.log(3)]]), rel=1e-6)


def test_a_calibration_shifts_and_stretches_what_sets_a_node_apart() -> None:
    told = lives(np.random.default_rng(8), 300)
    model = fitted(told, replace(QUICK, trees=5))
    offset, scale = np.array([0.1, -0.2, 0.3]), np.array([0.5, 1.0, 2.0])
    shifted = logit(model.calibrate(Calibration(offset, scale)).hazards(told.covariates))
    base = model.base(told.covariates.fleet_rate)
    assert shifted == pytest.approx(base + offset + scale * model.scores(told.covariates))


def with_a_line(told: Lives, trees_share: float = 0.3) -> HazardModel:
    model = fitted(told, replace(QUICK, trees=5))
    base = model.base(told.covariates.fleet_rate)
    line = rank_logistic.fit(told.covariates.features, base, told.periods.outcome, told.periods.exposure)
    return replace(model, line=line, trees_share=trees_share)


def test_trees_and_line_are_averaged_in_log_odds() -> None:
    told = lives(np.random.default_rng(9), 500)
    model = with_a_line(told)
    assert model.line is not None
    trees, line = model.scores_of_trees(told.covariates), model.line.scores(told.covariates.features)
    assert model.scores(told.covariates) == pytest.approx(0.3 * trees + 0.7 * line)


def test_contributions_of_trees_and_line_add_up_to_the_log_odds_but_for_one_number() -> None:
    told = lives(np.random.default_rng(10), 3_000)
    model = with_a_line(told).calibrate(Calibration(np.array([0.1, 0.0, -0.3]), np.array([0.5, 0.5, 0.5])))
    rows = told.covariates.take(np.arange(50))
    log_odds = logit(model.hazards(rows)).mean(axis=1) - model.base(rows.fleet_rate).mean(axis=1)
    left = log_odds - model.contributions(rows).sum(axis=1)
    assert np.ptp(left) < 0.05 * np.ptp(log_odds)
