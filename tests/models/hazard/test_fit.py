from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from features.grid import to_datetime
from features.training.labels import Outcomes
from features.training.walk_forward import walk_forward
from models.hazard import calibration, fit
from models.hazard.fit import (
    CHOICES,
    USUAL_SHARE,
    FoldData,
    OutOfFoldPredictions,
    make_fold,
    predict_out_of_fold,
    recency_weights,
)
from models.hazard.model import Calibration, base_log_odds
from models.hazard.train import gather_training_set
from tests.features.fleets import DAY, START, event, fleet
from tests.models.replays import SPLIT, made_up, setup_of, trained

if TYPE_CHECKING:
    from models.setup import Recipe
    from tests.features.fleets import Fleet

RECIPE = setup_of().recipe


def starts_of(recipe: Recipe = RECIPE) -> list[np.datetime64]:
    training = trained().training
    return list(walk_forward(training.rows.ts[training.periods.fails], recipe.folds))


def predicted_from(fleet: Fleet) -> OutOfFoldPredictions:
    """Predict the folds of the made-up fleet's training set from the records of another fleet."""
    predictions = predict_out_of_fold(trained().training, fleet.view(SPLIT), RECIPE)
    assert predictions is not None
    return predictions


def test_every_row_from_the_first_folds_start_on_is_predicted_once() -> None:
    assert len(starts_of()) == RECIPE.folds
    predicted = np.sort(predicted_from(made_up()).rows)
    assert predicted.tolist() == np.flatnonzero(trained().training.rows.ts >= starts_of()[0]).tolist()


def with_other_outcomes(fleet: Fleet, time: np.datetime64) -> Fleet:
    """Turn everything that was recorded after a time into failures of other nodes."""
    is_known = pl.col("recorded_at") <= to_datetime(time)
    return replace(
        fleet,
        events=fleet.events.with_columns(
            node=pl.when(is_known).then("node").otherwise(pl.col("node").reverse()),
            kind=pl.when(is_known).then("kind").otherwise(pl.lit("failure")),
        ),
    )


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_what_was_recorded_after_a_folds_start_changes_nothing_about_it(fold: int) -> None:
    ts, starts = trained().training.rows.ts, starts_of()
    end = starts[fold + 1] if fold + 1 < len(starts) else ts.max() + np.timedelta64(1, "us")
    original, changed = predicted_from(made_up()), predicted_from(with_other_outcomes(made_up(), starts[fold]))
    assert original.rows.tolist() == changed.rows.tolist()
    before, after = ts[original.rows] < end, ts[original.rows] >= end
    assert original.score[before].tobytes() == changed.score[before].tobytes()
    assert not after.any() or original.score[after].tobytes() != changed.score[after].tobytes()


def test_a_label_never_crosses_its_folds_start() -> None:
    assert len(starts_of()) == RECIPE.folds
    for start in starts_of():
        outcomes = Outcomes.of(made_up().view(to_datetime(start)), trained().training.rows.names)
        assert outcomes.known_until == start
        assert len(outcomes.failure_start)
        assert (outcomes.failure_start <= start).all()


def test_without_a_fold_the_model_is_left_uncalibrated() -> None:
    training = trained().training
    survived = np.where(training.periods.outcome == 1, 0.0, training.periods.outcome)
    without_failures = replace(training, periods=replace(training.periods, outcome=survived))
    fitted = fit.train(without_failures, made_up().view(SPLIT), RECIPE)
    assert fitted.out_of_fold is None
    assert fitted.model.calibration.offset.tolist() == Calibration.none(3).offset.tolist()
    assert fitted.model.calibration.scale.tolist() == Calibration.none(3).scale.tolist()


def test_a_fold_that_has_no_failure_before_it_is_left_out() -> None:
    training = trained().training
    outcome = np.where(training.periods.outcome == 1, 0.0, training.periods.outcome)
    outcome[training.rows.ts >= training.rows.ts.max() - np.timedelta64(2, "D")] = 1.0
    view = replace(made_up(), events=made_up().events.clear()).view(SPLIT)
    only_late = replace(training, periods=replace(training.periods, outcome=outcome))
    assert predict_out_of_fold(only_late, view, RECIPE) is None


def test_the_calibration_is_that_of_the_out_of_fold_predictions() -> None:
    fitted = trained().fitted
    assert fitted.out_of_fold is not None
    uncalibrated = fitted.model.with_calibration(Calibration.none(3))
    assert fitted.model.calibration.offset.tolist() != [0.0, 0.0, 0.0]
    assert uncalibrated.boosters == fitted.model.boosters
    assert len(fitted.model.boosters) == RECIPE.params.seeds


def with_share(trees_share: float) -> Recipe:
    return replace(RECIPE, params=replace(RECIPE.params, trees_share=trees_share))


def test_the_trees_share_that_folds_choose_is_the_one_with_the_lowest_calibrated_loss() -> None:
    training, view = trained().training, made_up().view(SPLIT)
    losses = {}
    for share in CHOICES:
        fitted = fit.train(training, view, with_share(share))
        assert fitted.out_of_fold is not None
        assert fitted.model.trees_share == fitted.out_of_fold.trees_share == share
        intervals = fit._interval_predictions(training, fitted.out_of_fold, RECIPE)
        losses[share] = calibration.loss(intervals, fitted.model.calibration)
    chosen = fit.train(training, view, with_share(0.0))
    assert chosen.out_of_fold is not None
    assert len(set(losses.values())) == len(CHOICES)
    best = min(CHOICES, key=lambda share: losses[share])
    assert chosen.model.trees_share == chosen.out_of_fold.trees_share == best
    alike = fit.train(training, view, with_share(best))
    assert alike.out_of_fold is not None
    assert chosen.out_of_fold.score.tobytes() == alike.out_of_fold.score.tobytes()
    assert chosen.model.calibration.scale.tolist() == alike.model.calibration.scale.tolist()


@pytest.mark.parametrize(("right", "wrong", "expected"), [("trees", "linear", 0.85), ("linear", "trees", 0.5)])
def test_the_model_that_is_right_on_the_folds_has_the_larger_share(
    right: str, wrong: str, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions = predicted_from(made_up())
    outcome = np.nan_to_num(trained().training.periods.outcome[predictions.rows])
    noise = np.random.default_rng(8).normal(0, 0.3, outcome.shape)
    scores = {right: 2 * outcome, wrong: noise}
    predictions = replace(predictions, trees=scores["trees"], linear=scores["linear"])
    monkeypatch.setattr(fit, "predict_out_of_fold", lambda *_: predictions)
    fitted = fit.train(trained().training, made_up().view(SPLIT), with_share(0.0))
    assert fitted.model.trees_share == expected


def test_without_a_fold_the_trees_have_their_usual_share() -> None:
    fitted = fit.train(trained().training, made_up().view(SPLIT), replace(with_share(0.0), folds=0))
    assert fitted.out_of_fold is None
    assert fitted.model.trees_share == USUAL_SHARE


def test_trees_alone_have_no_linear_model() -> None:
    fitted = fit.train(trained().training, made_up().view(SPLIT), with_share(1.0))
    assert fitted.out_of_fold is not None
    assert fitted.model.linear is None
    assert fitted.out_of_fold.score.tobytes() == fitted.out_of_fold.trees.tobytes()


def test_a_row_older_than_another_by_a_half_life_weighs_half_as_much() -> None:
    days = np.array([0, 10, 20, 20]).astype("timedelta64[D]")
    weight = recency_weights(np.datetime64("2021-01-01", "us") + days, 10.0)
    assert weight / weight[2] == pytest.approx([0.25, 0.5, 1, 1])
    assert weight.mean() == pytest.approx(1)
    assert recency_weights(np.empty(0, "datetime64[us]"), 10.0).tolist() == []


def recipe_of(bins: int) -> Recipe:
    return replace(RECIPE, params=replace(RECIPE.params, bins=bins))


def test_rows_are_binned_once_for_recipes_of_as_many_bins() -> None:
    training = trained().training
    data = FoldData.of(training, training.periods, training.periods.is_known)
    few, again, many = (data.fit_trees(recipe_of(bins)) for bins in (2, 2, 200))
    assert few.boosters[0].model_to_string() == again.boosters[0].model_to_string()
    assert sorted(data.binned) == [2, 200]
    splits = [model.boosters[0].trees_to_dataframe()[["split_feature", "threshold"]].dropna() for model in (few, many)]
    most_thresholds = [table.drop_duplicates().groupby("split_feature").size().max() for table in splits]
    assert most_thresholds[0] == 1 < most_thresholds[1]


NODES = tuple(f"node-{number:02d}" for number in range(40))
DAYS = 480


def long_fleet(rate_after: float) -> Fleet:
    """Draw failures of a fleet without telemetry, whose rate doubles and halves, and changes in the last 100 days."""
    rng = np.random.default_rng(6)
    events: list[dict[str, object]] = []
    for day in range(DAYS):
        rate = rate_after if day >= DAYS - 100 else (0.002, 0.02)[day // 60 % 2]
        failing = [name for name in NODES if rng.random() < rate]
        events += [event(name, START + (day + 0.3) * DAY, START + (day + 0.4) * DAY) for name in failing]
    return fleet(events, [{"node": name, "observed_from": START} for name in NODES])


def test_a_folds_base_strength_depends_on_what_was_known_at_its_start_alone() -> None:
    setup = replace(setup_of(metrics=()), history_start=None)
    original, changed = (long_fleet(rate).view(START + DAYS * DAY) for rate in (0.01, 0.05))
    training = gather_training_set(original, setup)[2]
    starts = walk_forward(training.rows.ts[training.periods.fails], 6)
    known = [number for number in range(1, 7) if to_datetime(starts[number - 1]) <= START + (DAYS - 100) * DAY]
    strengths = []
    for number in known:
        folds = [make_fold(training, view, starts, number) for view in (original, changed)]
        before, after = (fold.data.base_strength if fold else np.nan for fold in folds)
        assert before == after
        strengths.append(before)
    assert len(set(strengths)) == len(known) > 1
    of_all = [fit.train(gather_training_set(view, setup)[2], view, setup.recipe) for view in (original, changed)]
    final, other = (fitted.model.base_strength for fitted in of_all)
    assert 0 < final != other
    predictions = of_all[0].out_of_fold
    assert predictions is not None
    first = predictions.fold == 1
    rate = training.fleet_rate.take(predictions.rows[first])
    base = base_log_odds(rate.at_strength(strengths[0])[:, None], of_all[0].model.widths_days)
    assert predictions.base[first].tobytes() == base.tobytes()
