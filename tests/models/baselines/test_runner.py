from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from features.compute import batch
from features.feature import Catalogue, Feature, Origin
from features.grid import DAY as DAY_LONG
from features.grid import to_datetime, to_numpy
from features.population.at_risk import Rows
from models.baselines.runner import BaselineRunner
from models.evaluation.evaluate import evaluate
from models.hazard.model import Covariates
from models.hazard.train import train
from models.metrics.bootstrap import draw_resampler
from tests.features.fleets import DAY, START, event, fleet
from tests.models.made_up import Size, made_up_cases
from tests.models.replays import HORIZONS, SPLIT, WINDOW, made_up, replay, replayed, setup_of

ALL = ["model", "random", "base_rate", "rule", "history", "logistic", "lightgbm_raw"]


def contest() -> BaselineRunner:
    told = replayed()
    view = made_up().view(to_datetime(told.risk.cutoffs[-1]))
    features = batch.compute(told.trained.training.catalogue, view, told.risk, told.rows)
    return BaselineRunner(told.trained, view, told.risk, told.rows, features, np.full(len(told.rows), 0.02))


def test_every_fixed_baseline_forecasts_every_row_and_horizon() -> None:
    told = replayed()
    assert list(told.probabilities) == ALL
    for probability in told.probabilities.values():
        assert probability.shape == (len(told.rows), len(HORIZONS))


def test_without_telemetry_the_raw_baseline_is_left_out() -> None:
    bare = replace(made_up(), telemetry=made_up().telemetry.clear(), metrics=())
    assert list(replay(bare, setup_of(metrics=())).probabilities) == [name for name in ALL if name != "lightgbm_raw"]


def test_without_telemetry_the_rule_is_the_number_of_failures_in_a_year() -> None:
    bare = replace(made_up(), telemetry=made_up().telemetry.clear(), metrics=())
    told = replay(bare, setup_of(metrics=()))
    count = Feature(Origin.HISTORY, "failures", "count", 365 * DAY, "", "")
    view = bare.view(to_datetime(told.risk.cutoffs[-1]))
    failures = batch.compute(Catalogue((count,)), view, told.risk, told.rows)[:, 0]
    order = np.argsort(told.probabilities["rule"][:, 0])
    assert (np.diff(failures[order]) >= 0).all()
    assert len(np.unique(failures)) == len(np.unique(told.probabilities["rule"][:, 0]))


def test_a_named_rule_is_how_many_of_its_metrics_are_above_zero() -> None:
    named = replace(setup_of(), rule=("ecc", "reallocated", "temperature"))
    told = replay(made_up(), named)
    assert 1 < len(np.unique(told.probabilities["rule"][:, 0])) <= 4


def test_a_rule_over_one_metric_still_finds_its_direction() -> None:
    risky = [START + day * DAY for day in range(0, 26, 2)]
    events = [event("cold", moment + DAY / 4, moment + DAY / 2) for moment in risky]
    rows = [
        (name, START + day * DAY, START + day * DAY, warmth)
        for name, warmth in (("cold", 1.0), ("warm", 50.0))
        for day in range(40)
    ]
    metric = made_up().metrics[0]
    samples = pl.DataFrame(
        rows,
        schema={**made_up().telemetry.select("node", "ts", "available_at").schema, metric.name: pl.Float64()},
        orient="row",
    )
    one = fleet(
        events, [{"node": name, "observed_from": START - DAY} for name in ("cold", "warm")], (), samples, (metric,)
    )
    setup = replace(setup_of((metric,), min_failures=5), design=replace(setup_of().design, coverage=None))
    told = replay(one, setup)
    assert told.rows.names == ("cold", "warm")
    seen, cold = told.rows.ts < told.rows.ts.min() + 9 * np.timedelta64(1, "D"), told.rows.node == 0
    assert told.probabilities["rule"][seen & cold].min() > told.probabilities["rule"][seen & ~cold].max()


def test_the_base_rate_is_the_same_for_all_nodes_at_a_time() -> None:
    told = replayed()
    for step in np.unique(told.rows.cutoff):
        assert len(np.unique(told.probabilities["base_rate"][told.rows.cutoff == step, 0])) == 1


def test_the_base_rate_by_hand() -> None:
    events = [event("a", START + day * DAY, START + (day + 0.5) * DAY) for day in (-200.7, 3.2, 9.3)]
    nodes = [{"node": name, "observed_from": START - 400 * DAY} for name in ("a", "b")]
    told = replay(fleet(events, nodes), setup_of(metrics=()), WINDOW)
    (at_start,) = np.unique(told.probabilities["base_rate"][told.rows.ts == told.rows.ts.min(), 2])
    days_at_risk = 2 * 90  # the two failures of the last 90 days were over by midnight
    assert at_start == pytest.approx(1 - np.exp(-7 * 2 / days_at_risk))


def test_random_catches_what_chance_says_at_the_share_of_alarms() -> None:
    size = Size(nodes=400, steps=60, failures=1500)
    cases = made_up_cases(np.random.default_rng(5), size)
    step = np.arange(len(cases.node)) * 0
    one = replace(contest(), rows=Rows(cases.names, cases.ts[:1], cases.node.astype(np.int64), step))
    scores = one.baselines()["random"]()
    resampler = draw_resampler(cases.names, cases.ts.min(), cases.ts.max() + cases.horizon, np.random.default_rng(2), 5)
    told = evaluate(cases, {str(at): scores[:, at] for at in range(3)}, (0.01,), resampler)
    caught = [told.figure("caught_share", str(at), 0.01).value for at in range(3)]
    assert np.mean(np.array(caught, dtype=np.float64)) == pytest.approx(1 - 0.99**size.horizon_days, abs=0.012)


def test_random_says_something_else_of_every_row_but_the_same_twice() -> None:
    one, same = contest().baselines()["random"](), contest().baselines()["random"]()
    assert one.tobytes() == same.tobytes()
    assert len(np.unique(one)) == one.size
    assert one.mean() == pytest.approx(0.5, abs=0.05)


def test_history_looks_at_events_and_uptime_alone() -> None:
    told = contest()
    names = told.trained.training.catalogue.names
    sensors = [at for at, name in enumerate(names) if name.startswith(("temperature", "ecc", "seen_n", "reallocated"))]
    other = told.features.copy()
    other[:, sensors] = np.random.default_rng(0).normal(size=(len(other), len(sensors)))
    blind = replace(told, features=other)
    assert blind.baselines()["history"]().tobytes() == told.baselines()["history"]().tobytes()
    assert blind.baselines()["logistic"]().tobytes() != told.baselines()["logistic"]().tobytes()
    seen = Covariates(other, told.rate)
    assert (
        told.trained.model.probabilities(seen).tobytes()
        != told.trained.model.probabilities(Covariates(told.features, told.rate)).tobytes()
    )


def test_the_raw_baseline_sees_the_newest_values_their_change_and_their_distance_from_the_fleet() -> None:
    told = contest()
    raw = told._raw(told.rows, told.view, told.risk)
    now, change, beside = np.hsplit(raw, 3)
    assert now.shape[1] == len(made_up().metrics)
    temperature = [metric.name for metric in made_up().metrics].index("temperature")
    at = int(np.flatnonzero(~np.isnan(change[:, temperature]))[0])
    cutoff = to_datetime(told.rows.ts[at])
    node = told.rows.names[told.rows.node[at]]
    samples = made_up().telemetry.filter((pl.col("node") == node) & pl.col("temperature").is_not_nan()).sort("ts")

    def newest(moment: object) -> float:
        known = samples.filter((pl.col("available_at") <= moment) & (pl.col("ts") > moment - DAY))  # type: ignore[operator]  # a time
        return float(known["temperature"][-1])

    assert now[at, temperature] == pytest.approx(newest(cutoff))
    assert change[at, temperature] == pytest.approx(newest(cutoff) - newest(cutoff - 7 * DAY), rel=1e-4)
    same = told.rows.cutoff == told.rows.cutoff[at]
    assert beside[at, temperature] == pytest.approx(
        now[at, temperature] - np.nanmedian(now[same, temperature]), rel=1e-4
    )


def test_where_rows_are_too_many_the_raw_baseline_keeps_all_that_fail_and_weighs_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = contest()
    rows = told.trained.risk.rows()
    every = told._labelled(rows, np.zeros((len(rows), 1), np.float32), np.ones(len(rows)), HORIZONS[-1])
    monkeypatch.setattr("models.baselines.runner.MOST_RAW_ROWS", len(rows) // 4)
    kept, weight = told._raw_rows()
    drawn = told._labelled(kept, np.zeros((len(kept), 1), np.float32), weight, HORIZONS[-1])
    assert len(drawn.label) < len(every.label)
    assert drawn.label.sum() == every.label.sum() > 0
    assert np.all(drawn.weight[drawn.label == 1] == 1)
    assert drawn.weight.sum() == pytest.approx(len(every.label), rel=0.2)


def test_no_baseline_learns_from_rows_whose_horizon_crosses_the_split() -> None:
    told = contest()
    rows = told.trained.risk.rows()
    age = ((to_numpy(SPLIT) - rows.ts) / DAY_LONG).astype(np.float32)[:, None]
    assert age.min() < 1
    for horizon in HORIZONS:
        learned = told._labelled(rows, age, np.ones(len(rows)), horizon)
        newest = learned.label[learned.features[:, 0] < horizon + 3]
        assert learned.features.min() == horizon
        assert 0 < newest.mean() < 0.5


def test_with_too_few_failures_history_is_pooled_like_the_model() -> None:
    few = train(made_up().view(SPLIT), setup_of(min_failures=10_000))
    told = replace(contest(), trained=few)
    pooled = few.model.probabilities(Covariates(told.features, told.rate))
    assert told.baselines()["history"]().tobytes() == pooled.tobytes()
