from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.errors import EmptyTableError, FutureError, ModelMismatchError
from data.schema import SCORE_SCHEMA, TS
from features.grid import to_datetime, to_numpy
from features.population.at_risk import Coverage, assess
from models.backtest.replay import BacktestWindow
from models.causes.fit import fit_cause_model
from models.hazard.model import pooled_model
from models.hazard.train import rate_cutoffs
from models.registry.pack import pack
from models.setup import CauseCriteria
from serving.explanation.reason import TIMES, from_json
from serving.scoring.score import ScoreRequest, score
from tests.features.fleets import DAY, START, Fleet, event, fleet
from tests.features.synthetic import METRICS, WIDTH
from tests.models.replays import HORIZONS, SPLIT, made_up, replay, replayed, setup_of, trained

if TYPE_CHECKING:
    from datetime import datetime

    from data.view import View
    from models.registry.bundle import Bundle


@cache
def bundle() -> Bundle:
    return pack(trained(), "made up", {}, {})


COVERAGE = Coverage("seen_n", 0.5)


def request_of(view: View, coverage: Coverage | None = COVERAGE) -> ScoreRequest:
    catalogue = trained().training.catalogue
    return ScoreRequest(bundle(), "7", catalogue, *rate_cutoffs(view, setup_of()), DAY, coverage, METRICS)


def scores_at(time: datetime, records: Fleet | None = None) -> pl.DataFrame:
    view = (records or made_up()).view(time)
    return score(view, request_of(view))


def test_scores_have_their_schema_and_a_row_for_each_node_and_horizon() -> None:
    scores = scores_at(SPLIT)
    assert dict(scores.schema) == SCORE_SCHEMA
    assert scores.select("node", "horizon_hours").is_unique().all()
    assert scores["horizon_hours"].unique().sort().to_list() == [24.0, 72.0, 168.0]
    assert scores.height == scores["node"].n_unique() * len(HORIZONS)
    assert scores[TS].unique().to_list() == [SPLIT]
    assert scores["model_version"].unique().to_list() == ["7"]


@pytest.mark.parametrize("step", [0, 1, 5])
def test_a_live_score_equals_the_backtests_forecast_of_that_time_to_the_last_bit(step: int) -> None:
    rows = replayed().rows
    time = np.unique(rows.ts)[step]
    is_chosen = rows.ts == time
    scores = scores_at(to_datetime(time)).filter(pl.col("probability").is_not_null())
    nodes = [rows.names[index] for index in rows.node[is_chosen]]
    assert scores["node"].unique().sort().to_list() == nodes
    expected = replayed().probabilities["model"][is_chosen]
    assert scores["probability"].to_numpy().tobytes() == np.ascontiguousarray(expected).tobytes()


def test_a_score_by_hours_is_the_backtests_but_for_how_the_fleets_rate_is_counted() -> None:
    hours = timedelta(hours=6)
    usual = setup_of()
    setup = replace(usual, design=replace(usual.design, every=hours), recipe=replace(usual.recipe, every=hours))
    by_hours = replay(made_up(), setup, BacktestWindow(SPLIT, SPLIT + 2 * DAY))
    time = np.unique(by_hours.rows.ts)[3]
    view = made_up().view(to_datetime(time))
    cutoffs, every = rate_cutoffs(view, setup)  # by days, however often a fleet is scored
    request = replace(request_of(view), bundle=pack(by_hours.trained, "made up", {}, {}), cutoffs=cutoffs, every=every)
    scores = score(view, request).filter(pl.col("probability").is_not_null())
    is_chosen = by_hours.rows.ts == time
    live, replayed = scores["probability"].to_numpy().reshape(-1, 3), by_hours.probabilities["model"][is_chosen]
    assert scores["node"].unique(maintain_order=True).to_list() == [
        by_hours.rows.names[node] for node in by_hours.rows.node[is_chosen]
    ]
    ratio = np.log1p(-live) / np.log1p(-replayed)
    assert np.ptp(ratio) < 0.005  # the same factor for all nodes
    assert ratio == pytest.approx(1, abs=0.15)  # of thirty nodes in thirty days


def test_probabilities_rise_with_the_horizon_and_are_never_nan() -> None:
    scores = scores_at(SPLIT)
    assert scores["probability"].is_nan().sum() == 0
    rises = scores.drop_nulls("probability").group_by("node").agg(pl.col("probability").diff().min())
    assert rises["probability"].min() >= 0  # type: ignore[operator]  # a number


def test_a_silent_node_is_unknown_and_a_node_under_repair_is_left_out() -> None:
    scores, view = scores_at(SPLIT), made_up().view(SPLIT)
    risk = assess(view, np.array([to_numpy(SPLIT)]), COVERAGE)
    names = np.array(risk.names)
    unknown = scores.filter(pl.col("support") == "unknown")
    assert 0 < unknown["node"].n_unique() < scores["node"].n_unique()
    assert unknown["node"].unique().sort().to_list() == names[risk.unknown[:, 0]].tolist()
    assert unknown["probability"].null_count() == unknown.height
    for (reason,) in map(from_json, unknown["reasons"]):
        assert reason.text.startswith(("not reporting since ", "sends "))
        assert reason.odds is None
    assert set(scores["node"]) == set(names[risk.present[:, 0] & ~risk.down[:, 0]])
    assert risk.down[:, 0].any()


def test_data_age_is_the_time_since_the_newest_bucket_that_was_known() -> None:
    node = scores_at(SPLIT)["node"][0]
    until = (pl.col("node") != node) | (pl.col(TS) <= SPLIT - 3 * DAY)
    scores = scores_at(SPLIT, replace(made_up(), telemetry=made_up().telemetry.filter(until)))
    ages = dict(scores.select("node", "data_age_hours").unique().iter_rows())
    assert ages.pop(node) == 72.0
    assert len(ages) > 0
    assert all(age % 6 == 0 and age < 72 for age in ages.values())


def test_a_node_without_telemetry_is_unknown_and_its_data_is_as_old_as_its_time_in_the_fleet() -> None:
    node = scores_at(SPLIT)["node"][0]
    without_it = replace(made_up(), telemetry=made_up().telemetry.filter(pl.col("node") != node))
    scores = scores_at(SPLIT, without_it).filter(pl.col("node") == node)
    joined_at = made_up().nodes.filter(pl.col("node") == node)["observed_from"][0]
    assert scores["data_age_hours"].unique().to_list() == [(SPLIT - joined_at).total_seconds() / 3600]
    assert scores["support"].unique().to_list() == ["unknown"]


def test_telemetry_that_is_sent_on_change_has_no_age() -> None:
    view = made_up().view(SPLIT)
    scores = score(view, replace(request_of(view), metrics=METRICS[-2:]))
    assert scores["data_age_hours"].null_count() == scores.height


def test_records_that_became_known_later_do_not_change_a_score() -> None:
    assert_frame_equal(scores_at(SPLIT), scores_at(SPLIT, made_up().known_at(SPLIT)))


def test_the_order_of_records_does_not_matter() -> None:
    shuffled = made_up().shuffled(np.random.default_rng(5))
    assert_frame_equal(scores_at(SPLIT), scores_at(SPLIT, shuffled))


def test_a_model_with_low_support_gives_every_score_low_support() -> None:
    view, manifest = made_up().view(SPLIT), bundle().manifest
    weak = replace(
        bundle(),
        model=pooled_model(manifest.features, manifest.horizons, 0.0),
        manifest=replace(manifest, support="low support", boosters=()),
    )
    scores = score(view, replace(request_of(view), bundle=weak)).drop_nulls("probability")
    assert scores["support"].unique().to_list() == ["low support"]
    reasons = [reason for text in scores["reasons"].unique() for reason in from_json(text)]
    assert len(reasons) > 0
    assert all(reason.text.startswith("fails ") for reason in reasons)


def test_a_model_of_another_catalogue_is_refused() -> None:
    view = made_up().view(SPLIT)
    request = replace(request_of(view), catalogue=trained().training.catalogue.only(metrics=["temperature"]))
    with pytest.raises(ModelMismatchError, match="which the catalogue lacks"):
        score(view, request)


def test_a_score_of_the_future_is_refused() -> None:
    request = request_of(made_up().view(SPLIT + DAY))
    with pytest.raises(FutureError):
        score(made_up().view(SPLIT), request)


def test_a_nan_probability_becomes_unknown() -> None:
    view, model = made_up().view(SPLIT), bundle().model
    broken = replace(model, calibration=replace(model.calibration, offset=np.full(len(HORIZONS), np.nan)))
    scores = score(view, replace(request_of(view), bundle=replace(bundle(), model=broken)))
    assert scores["probability"].null_count() == scores.height
    assert scores["support"].unique().to_list() == ["unknown"]


def test_if_no_node_reports_all_are_unknown() -> None:
    view = made_up().view(SPLIT)
    scores = score(view, request_of(view, Coverage("seen_n", 1e6)))
    assert scores["support"].unique().to_list() == ["unknown"]
    assert scores.height > 0


def single_node(*events: dict[str, object], **fields: object) -> Fleet:
    """Make a fleet of one node without telemetry."""
    node = {"node": "a", "rack": "r1", "hardware": "x", "observed_from": START, **fields}
    return replace(fleet(events, [node]), telemetry=made_up().telemetry.clear(), metrics=METRICS, width=WIDTH)


def test_if_all_nodes_are_down_there_is_nothing_to_score() -> None:
    with pytest.raises(EmptyTableError, match="2021-01-31 00:00 UTC: has no node to score: all 1"):
        scores_at(SPLIT, single_node(event("a", START + DAY)))


def test_before_the_first_node_joins_there_is_nothing_to_score() -> None:
    with pytest.raises(EmptyTableError, match=r"has no node\n"):
        scores_at(SPLIT, single_node(observed_from=SPLIT + DAY))


def test_a_single_node_is_scored_even_without_telemetry() -> None:
    view = single_node().view(SPLIT)
    scores = score(view, replace(request_of(view, coverage=None), metrics=()))
    assert scores["node"].to_list() == ["a"] * len(HORIZONS)
    assert scores["probability"].is_between(0, 1).all()
    assert scores["data_age_hours"].null_count() == len(HORIZONS)


def test_a_reason_names_its_feature_its_value_and_its_odds() -> None:
    view, model = made_up().view(SPLIT), bundle().model
    # the log-odds of ten small trees are too small for a reason: scale them up
    calibration = replace(model.calibration, scale=np.full(len(HORIZONS), 9.0))
    scaled = replace(bundle(), model=model.with_calibration(calibration))
    scores = score(view, replace(request_of(view), bundle=scaled)).drop_nulls("probability")
    reasons = [reason for text in scores["reasons"] for reason in from_json(text)]
    assert len(reasons) > 0
    for reason in reasons:
        assert f"{reason.metric}__{reason.statistic}" in trained().training.catalogue.names
        assert reason.odds is not None
        assert reason.odds >= 1.1
        assert f": odds {TIMES}" in reason.text


def test_a_score_has_the_bundles_likely_cause_or_a_note_why_it_is_unknown() -> None:
    criteria = CauseCriteria(min_failures=5, min_of_a_cause=2, min_probability=0.3)
    fitted = fit_cause_model(replace(trained(), setup=replace(trained().setup, causes=criteria)))
    view = made_up().view(SPLIT)
    causes = replace(fitted, least_probability=0.3, doubt="")
    scores = score(view, replace(request_of(view), bundle=replace(bundle(), causes=causes)))
    silent = scores.filter(pl.col("support") == "unknown")
    assert silent["cause"].unique().to_list() == ["unknown"]
    assert silent["cause_note"].unique().to_list() == ["it is not reporting"]
    with_cause = scores.filter(pl.col("cause") != "unknown")
    assert with_cause.height > 0
    assert set(with_cause["cause"]) <= set(causes.causes.names)
    assert with_cause["cause_probability"].min() >= 0.3  # type: ignore[operator]  # a number
    assert with_cause["cause_note"].null_count() == with_cause.height
    assert (
        scores.filter(pl.col("cause") == "unknown")["cause_probability"].null_count()
        == scores.height - with_cause.height
    )
    known_view = made_up().known_at(SPLIT).view(SPLIT)
    assert_frame_equal(
        score(known_view, replace(request_of(known_view), bundle=replace(bundle(), causes=causes))), scores
    )


def test_a_model_without_causes_leaves_them_unknown() -> None:
    scores = scores_at(SPLIT).drop_nulls("probability")
    assert scores["cause"].unique().to_list() == ["unknown"]
    assert scores["cause_note"].unique().to_list() == ["the model was trained without causes"]
