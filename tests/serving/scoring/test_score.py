from __future__ import annotations

from dataclasses import replace
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
from models.causes.fit import learn
from models.hazard.model import pooled
from models.hazard.train import cutoffs
from models.registry.pack import pack
from models.setup import Terms
from serving.explanation.reason import TIMES, from_json
from serving.scoring.score import ScoreRequest, score
from tests.features.fleets import DAY, START, Fleet, event, fleet
from tests.features.synthetic import METRICS, WIDTH
from tests.models.replays import HORIZONS, SPLIT, made_up, replayed, setup_of, trained

if TYPE_CHECKING:
    from datetime import datetime

    from data.view import View
    from models.registry.bundle import Bundle


@cache
def bundle() -> Bundle:
    return pack(trained(), "made up", {}, {})


COVERAGE = Coverage("seen_n", 0.5)


def asked_of(view: View, coverage: Coverage | None = COVERAGE) -> ScoreRequest:
    catalogue = trained().training.catalogue
    return ScoreRequest(bundle(), "7", catalogue, cutoffs(view, setup_of()), 1.0, coverage, METRICS)


def scores_at(at: datetime, of: Fleet | None = None) -> pl.DataFrame:
    view = (of or made_up()).view(at)
    return score(view, asked_of(view))


def test_scores_have_their_schema_and_a_row_for_each_node_and_horizon() -> None:
    told = scores_at(SPLIT)
    assert dict(told.schema) == SCORE_SCHEMA
    assert told.select("node", "horizon_hours").is_unique().all()
    assert told["horizon_hours"].unique().sort().to_list() == [24.0 * days for days in HORIZONS]
    assert told.height == told["node"].n_unique() * len(HORIZONS)
    assert told[TS].unique().to_list() == [SPLIT]
    assert told["model_version"].unique().to_list() == ["7"]


@pytest.mark.parametrize("step", [0, 1, 5])
def test_a_live_score_is_the_backtests_forecast_of_that_time_to_the_last_bit(step: int) -> None:
    rows = replayed().rows
    at = np.unique(rows.ts)[step]
    chosen = rows.ts == at
    told = scores_at(to_datetime(at)).filter(pl.col("probability").is_not_null())
    nodes = [rows.names[number] for number in rows.node[chosen]]
    assert told["node"].unique().sort().to_list() == nodes
    expected = replayed().probabilities["model"][chosen]
    assert told["probability"].to_numpy().tobytes() == np.ascontiguousarray(expected).tobytes()


def test_probabilities_rise_with_the_horizon_and_are_never_nan() -> None:
    told = scores_at(SPLIT)
    assert told["probability"].is_nan().sum() == 0
    rises = told.drop_nulls("probability").group_by("node").agg(pl.col("probability").diff().min())
    assert rises["probability"].min() >= 0  # type: ignore[operator]  # a number


def test_a_silent_node_is_unknown_and_a_node_under_repair_is_left_out() -> None:
    told, view = scores_at(SPLIT), made_up().view(SPLIT)
    risk = assess(view, np.array([to_numpy(SPLIT)]), COVERAGE)
    names = np.array(risk.names)
    unknown = told.filter(pl.col("support") == "unknown")
    assert 0 < unknown["node"].n_unique() < told["node"].n_unique()
    assert unknown["node"].unique().sort().to_list() == names[risk.unknown[:, 0]].tolist()
    assert unknown["probability"].null_count() == unknown.height
    for (why,) in map(from_json, unknown["reasons"]):
        assert why.text.startswith(("not reporting since ", "sends "))
        assert why.odds is None
    assert set(told["node"]) == set(names[risk.present[:, 0] & ~risk.down[:, 0]])
    assert risk.down[:, 0].any()


def test_data_age_is_the_time_since_the_newest_bucket_that_was_known() -> None:
    node = scores_at(SPLIT)["node"][0]
    until = (pl.col("node") != node) | (pl.col(TS) <= SPLIT - 3 * DAY)
    told = scores_at(SPLIT, replace(made_up(), telemetry=made_up().telemetry.filter(until)))
    age = dict(told.select("node", "data_age_hours").unique().iter_rows())
    assert age.pop(node) == 72.0
    assert all(value % 6 == 0 and value < 72 for value in age.values())


def test_a_node_that_was_never_seen_has_been_silent_since_it_came_and_is_unknown() -> None:
    node = scores_at(SPLIT)["node"][0]
    unseen = replace(made_up(), telemetry=made_up().telemetry.filter(pl.col("node") != node))
    told = scores_at(SPLIT, unseen).filter(pl.col("node") == node)
    came = made_up().nodes.filter(pl.col("node") == node)["observed_from"][0]
    assert told["data_age_hours"].unique().to_list() == [(SPLIT - came).total_seconds() / 3600]
    assert told["support"].unique().to_list() == ["unknown"]


def test_telemetry_that_tells_only_of_changes_has_no_age() -> None:
    view = made_up().view(SPLIT)
    told = score(view, replace(asked_of(view), metrics=METRICS[-2:]))
    assert told["data_age_hours"].null_count() == told.height


def test_nothing_that_became_known_later_changes_a_score() -> None:
    assert_frame_equal(scores_at(SPLIT), scores_at(SPLIT, made_up().known_at(SPLIT)))


def test_the_order_of_records_does_not_matter() -> None:
    shuffled = made_up().shuffled(np.random.default_rng(5))
    assert_frame_equal(scores_at(SPLIT), scores_at(SPLIT, shuffled))


def test_a_model_with_little_support_says_so_in_every_score() -> None:
    view, own = made_up().view(SPLIT), bundle()
    weak = replace(
        own,
        model=pooled(own.manifest.features, own.manifest.horizons_days),
        manifest=replace(own.manifest, support="low support", boosters=()),
    )
    told = score(view, replace(asked_of(view), bundle=weak)).drop_nulls("probability")
    assert told["support"].unique().to_list() == ["low support"]
    reasons = [reason for text in told["reasons"].unique() for reason in from_json(text)]
    assert len(reasons) > 0
    assert all(reason.text.startswith("fails ") for reason in reasons)


def test_a_model_of_another_catalogue_is_refused_before_anything_is_read() -> None:
    view = made_up().view(SPLIT)
    other = replace(asked_of(view), catalogue=trained().training.catalogue.only(metrics=["temperature"]))
    with pytest.raises(ModelMismatchError, match="which the catalogue lacks"):
        score(view, other)


def test_a_score_of_the_future_is_refused() -> None:
    later = asked_of(made_up().view(SPLIT + DAY))
    with pytest.raises(FutureError):
        score(made_up().view(SPLIT), later)


def test_a_probability_that_is_not_a_number_becomes_unknown() -> None:
    view, own = made_up().view(SPLIT), bundle()
    broken = replace(own.model, calibration=replace(own.model.calibration, offset=np.full(len(HORIZONS), np.nan)))
    told = score(view, replace(asked_of(view), bundle=replace(own, model=broken)))
    assert told["probability"].null_count() == told.height
    assert told["support"].unique().to_list() == ["unknown"]


def test_a_fleet_that_is_all_silent_is_all_unknown() -> None:
    view = made_up().view(SPLIT)
    told = score(view, asked_of(view, Coverage("seen_n", 1e6)))
    assert told["support"].unique().to_list() == ["unknown"]
    assert told.height > 0


def alone(*events: dict[str, object], **more: object) -> Fleet:
    """Make a fleet of one node without telemetry."""
    node = {"node": "a", "rack": "r1", "hardware": "x", "observed_from": START, **more}
    return replace(fleet(events, [node]), telemetry=made_up().telemetry.clear(), metrics=METRICS, width=WIDTH)


def test_a_fleet_that_is_all_down_has_nothing_to_score() -> None:
    with pytest.raises(EmptyTableError, match="2021-01-31 00:00 UTC: holds no node to score: all 1"):
        scores_at(SPLIT, alone(event("a", START + DAY)))


def test_a_fleet_that_is_not_there_yet_has_nothing_to_score() -> None:
    with pytest.raises(EmptyTableError, match=r"holds no node\n"):
        scores_at(SPLIT, alone(observed_from=SPLIT + DAY))


def test_one_node_alone_is_scored_even_without_telemetry() -> None:
    view = alone().view(SPLIT)
    told = score(view, replace(asked_of(view, coverage=None), metrics=()))
    assert told["node"].to_list() == ["a"] * len(HORIZONS)
    assert told["probability"].is_between(0, 1).all()
    assert told["data_age_hours"].null_count() == len(HORIZONS)


def test_reasons_tell_features_values_and_what_they_add() -> None:
    view, own = made_up().view(SPLIT), bundle()
    calibration = replace(
        own.model.calibration, scale=np.full(len(HORIZONS), 9.0)
    )  # ten small trees hardly say a thing
    loud = replace(own, model=own.model.calibrate(calibration))
    scores = score(view, replace(asked_of(view), bundle=loud)).drop_nulls("probability")
    told = [reason for text in scores["reasons"] for reason in from_json(text)]
    assert len(told) > 0
    for reason in told:
        assert f"{reason.metric}__{reason.statistic}" in trained().training.catalogue.names
        assert reason.odds is not None
        assert reason.odds >= 1.1
        assert f": odds {TIMES}" in reason.text


def test_a_score_tells_the_likely_cause_as_the_bundle_does_and_says_why_where_it_cannot() -> None:
    terms = Terms(min_failures=5, min_of_a_cause=2, min_probability=0.3)
    learned = learn(replace(trained(), setup=replace(trained().setup, causes=terms)))
    view = made_up().view(SPLIT)
    sure = replace(learned, least_probability=0.3, doubt="")
    told = score(view, replace(asked_of(view), bundle=replace(bundle(), causes=sure)))
    silent = told.filter(pl.col("support") == "unknown")
    assert silent["cause"].unique().to_list() == ["unknown"]
    assert silent["cause_note"].unique().to_list() == ["it is not reporting"]
    known = told.filter(pl.col("cause") != "unknown")
    assert known.height > 0
    assert set(known["cause"]) <= set(sure.causes.names)
    assert known["cause_probability"].min() >= 0.3  # type: ignore[operator]  # a number
    assert known["cause_note"].null_count() == known.height
    assert told.filter(pl.col("cause") == "unknown")["cause_probability"].null_count() == told.height - known.height
    cut = made_up().known_at(SPLIT).view(SPLIT)
    assert_frame_equal(score(cut, replace(asked_of(cut), bundle=replace(bundle(), causes=sure))), told)


def test_a_model_without_causes_leaves_them_unknown() -> None:
    told = scores_at(SPLIT).drop_nulls("probability")
    assert told["cause"].unique().to_list() == ["unknown"]
    assert told["cause_note"].unique().to_list() == ["the model was trained without causes"]
