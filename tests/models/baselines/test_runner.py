from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from data.time_grid import in_days
from features.compute import batch
from features.events.base_rates import FleetRate
from features.feature import Catalogue
from features.grid import DAY as DAY_LONG
from features.grid import to_datetime, to_numpy
from features.population.at_risk import Rows
from models.baselines.runner import BaselineRunner, ForecastBlock
from models.evaluation.evaluate import AlarmBudgets, evaluate
from models.hazard.model import Covariates, pooled_model
from models.hazard.train import train
from models.metrics.bootstrap import draw_resampler
from tests.features.catalogues import EVERYTHING
from tests.features.fleets import DAY, START, event, fleet
from tests.models.made_up import Size, made_up_cases
from tests.models.replays import HORIZONS, SPLIT, WINDOW, made_up, replay, replayed, setup_of

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

ALL = ["model", "random", "base_rate", "rule", "history", "logistic", "lightgbm_raw"]


def runner() -> BaselineRunner:
    return BaselineRunner(replayed().trained)


@cache
def whole_window() -> ForecastBlock:
    """Return all rows of the test window as one block."""
    replay = replayed()
    view = made_up().view(to_datetime(replay.risk.cutoffs[-1]))
    features = batch.compute(replay.trained.training.catalogue, view, replay.risk, replay.rows)
    covariates = Covariates(features, FleetRate.constant(0.02, len(replay.rows)))
    return ForecastBlock.of(view, replay.risk, replay.rows, np.arange(len(replay.rows)), covariates)


def forecast(name: str, block: ForecastBlock | None = None, by: BaselineRunner | None = None) -> NDArray[np.float64]:
    """Train a baseline, and forecast the rows of a block: by default all of the test window."""
    block, replay = block or whole_window(), replayed()
    return (by or runner()).trainers(block.view, replay.risk, replay.rows)[name]()(block)


def test_every_fixed_baseline_forecasts_every_row_and_horizon() -> None:
    probabilities = replayed().probabilities
    assert list(probabilities) == ALL
    shapes = {name: baseline.shape for name, baseline in probabilities.items()}
    assert shapes == dict.fromkeys(ALL, (len(replayed().rows), len(HORIZONS)))


def test_without_telemetry_the_raw_baseline_is_left_out() -> None:
    bare = replace(made_up(), telemetry=made_up().telemetry.clear(), metrics=())
    assert list(replay(bare, setup_of(metrics=())).probabilities) == [name for name in ALL if name != "lightgbm_raw"]


def test_without_telemetry_the_rule_is_the_number_of_failures_in_a_year() -> None:
    bare = replace(made_up(), telemetry=made_up().telemetry.clear(), metrics=())
    bare_replay = replay(bare, setup_of(metrics=()))
    (count,) = (f for f in EVERYTHING.features if f.name == "failures__count__365d")
    view = bare.view(to_datetime(bare_replay.risk.cutoffs[-1]))
    failures = batch.compute(Catalogue((count,)), view, bare_replay.risk, bare_replay.rows)[:, 0]
    probabilities = bare_replay.probabilities["rule"][:, 0]
    assert (np.diff(failures[np.argsort(probabilities)]) >= 0).all()
    assert len(np.unique(failures)) == len(np.unique(probabilities))


def test_a_named_rule_is_how_many_of_its_metrics_are_above_zero() -> None:
    named = replace(setup_of(), rule=("ecc", "reallocated", "temperature"))
    probabilities = replay(made_up(), named).probabilities["rule"]
    assert 1 < len(np.unique(probabilities[:, 0])) <= 4


def test_a_rule_over_one_metric_still_finds_its_direction() -> None:
    starts = [START + day * DAY for day in range(0, 26, 2)]
    events = [event("cold", start + DAY / 4, start + DAY / 2) for start in starts]
    samples = [
        (name, START + day * DAY, START + day * DAY, warmth)
        for name, warmth in (("cold", 1.0), ("warm", 50.0))
        for day in range(40)
    ]
    metric = made_up().metrics[0]
    telemetry = pl.DataFrame(
        samples,
        schema={**made_up().telemetry.select("node", "ts", "available_at").schema, metric.name: pl.Float64()},
        orient="row",
    )
    nodes = [{"node": name, "observed_from": START - DAY} for name in ("cold", "warm")]
    setup = replace(setup_of((metric,), min_failures=5), design=replace(setup_of().design, coverage=None))
    result = replay(fleet(events, nodes, (), telemetry, (metric,)), setup)
    assert result.rows.names == ("cold", "warm")
    early, cold = result.rows.ts < result.rows.ts.min() + 9 * np.timedelta64(1, "D"), result.rows.node == 0
    probabilities = result.probabilities["rule"]
    assert probabilities[early & cold].min() > probabilities[early & ~cold].max()


def test_the_base_rate_is_the_same_for_all_nodes_at_a_time() -> None:
    cutoff, probabilities = replayed().rows.cutoff, replayed().probabilities["base_rate"]
    steps = np.unique(cutoff)
    assert len(steps) > 1
    for step in steps:
        assert len(np.unique(probabilities[cutoff == step, 0])) == 1


def test_the_base_rate_by_hand() -> None:
    events = [event("a", START + day * DAY, START + (day + 0.5) * DAY) for day in (-200.7, 3.2, 9.3)]
    nodes = [{"node": name, "observed_from": START - 400 * DAY} for name in ("a", "b")]
    result = replay(fleet(events, nodes), setup_of(metrics=()), WINDOW)
    (at_start,) = np.unique(result.probabilities["base_rate"][result.rows.ts == result.rows.ts.min(), 2])
    days_at_risk = 2 * 90  # the two failures of the last 90 days were over by midnight
    assert at_start == pytest.approx(1 - np.exp(-7 * 2 / days_at_risk))


def test_random_catches_what_chance_expects_at_the_share_of_alarms() -> None:
    size = Size(nodes=400, steps=60, failures=1500)
    cases = made_up_cases(np.random.default_rng(5), size)
    cases = replace(cases, can_alarm=np.ones(len(cases.node), dtype=bool))
    view, risk = made_up().view(), replayed().risk
    rows = Rows(cases.names, cases.times, cases.node.astype(np.int64), np.searchsorted(cases.times, cases.ts))
    random = runner().trainers(view, risk, rows)["random"]()
    scores = random(replace(whole_window(), positions=np.arange(len(rows))))
    last = cases.times[-1] + cases.horizon_step
    resampler = draw_resampler(cases.names, cases.times[0], last, np.random.default_rng(2), 5)
    by_column = {str(column): scores[:, column] for column in range(3)}
    evaluation = evaluate(cases, by_column, AlarmBudgets((0.01,), (0.01,)), resampler)
    caught = [evaluation.figure("caught_share", str(column), share=0.01).value for column in range(3)]
    chance = 1 - 0.99 ** in_days(size.horizon)
    assert np.mean(np.array(caught, dtype=np.float64)) == pytest.approx(chance, abs=0.012)


def test_random_differs_for_every_row_but_is_the_same_twice() -> None:
    first, second = forecast("random"), forecast("random")
    assert first.tobytes() == second.tobytes()
    assert len(np.unique(first)) == first.size
    assert first.mean() == pytest.approx(0.5, abs=0.05)


def test_history_uses_events_and_uptime_alone() -> None:
    plain, model = whole_window(), replayed().trained.model
    names = replayed().trained.training.catalogue.names
    sensors = [
        column for column, name in enumerate(names) if name.startswith(("temperature", "ecc", "seen_n", "reallocated"))
    ]
    features = plain.covariates.features.copy()
    features[:, sensors] = np.random.default_rng(0).normal(size=(len(features), len(sensors)))
    changed = replace(plain, covariates=replace(plain.covariates, features=features))
    assert forecast("history", changed).tobytes() == forecast("history", plain).tobytes()
    assert forecast("logistic", changed).tobytes() != forecast("logistic", plain).tobytes()
    assert model.probabilities(changed.covariates).tobytes() != model.probabilities(plain.covariates).tobytes()


def test_the_raw_baseline_knows_the_newest_values_their_change_and_their_distance_from_the_fleet() -> None:
    plain = whole_window()
    now, change, distance = np.hsplit(runner()._raw_values(plain.rows, plain.view, plain.risk), 3)
    assert now.shape[1] == len(made_up().metrics)
    temperature = [metric.name for metric in made_up().metrics].index("temperature")
    row = int(np.flatnonzero(~np.isnan(change[:, temperature]))[0])
    cutoff = to_datetime(plain.rows.ts[row])
    node = plain.rows.names[plain.rows.node[row]]
    samples = made_up().telemetry.filter((pl.col("node") == node) & pl.col("temperature").is_not_nan()).sort("ts")

    def newest(time: datetime) -> float:
        last_day = samples.filter((pl.col("available_at") <= time) & (pl.col("ts") > time - DAY))
        return float(last_day["temperature"][-1])

    assert now[row, temperature] == pytest.approx(newest(cutoff))
    assert change[row, temperature] == pytest.approx(newest(cutoff) - newest(cutoff - 7 * DAY), rel=1e-4)
    same_time = plain.rows.cutoff == plain.rows.cutoff[row]
    assert distance[row, temperature] == pytest.approx(
        now[row, temperature] - np.nanmedian(now[same_time, temperature]), rel=1e-4
    )


def test_if_rows_are_too_many_the_raw_baseline_keeps_all_failing_ones_and_weighs_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = runner()
    rows = plain.trained.risk.rows()
    every = plain._labelled(rows, np.zeros((len(rows), 1), np.float32), np.ones(len(rows)), HORIZONS[-1])
    monkeypatch.setattr("models.baselines.runner.MAX_RAW_ROWS", len(rows) // 4)
    kept, weight = plain._raw_rows()
    drawn = plain._labelled(kept, np.zeros((len(kept), 1), np.float32), weight, HORIZONS[-1])
    assert len(drawn.label) < len(every.label)
    assert drawn.label.sum() == every.label.sum() > 0
    assert np.all(drawn.weight[drawn.label == 1] == 1)
    assert drawn.weight.sum() == pytest.approx(len(every.label), rel=0.2)


def test_no_baseline_learns_from_rows_whose_horizon_crosses_the_split() -> None:
    plain = runner()
    rows = plain.trained.risk.rows()
    age = ((to_numpy(SPLIT) - rows.ts) / DAY_LONG).astype(np.float32)[:, None]
    assert age.min() < 1
    assert len(HORIZONS) == 3
    for horizon in HORIZONS:
        learned = plain._labelled(rows, age, np.ones(len(rows)), horizon)
        days = in_days(horizon)
        newest = learned.label[learned.features[:, 0] < days + 3]
        assert learned.features.min() == days
        assert 0 < newest.mean() < 0.5


def test_with_too_few_failures_history_is_the_pooled_rate_of_each_node() -> None:
    few = train(made_up().view(SPLIT), setup_of(min_failures=10_000))
    pooled = pooled_model(few.training.catalogue.names, HORIZONS, few.model.base_strength)
    probabilities = pooled.probabilities(whole_window().covariates)
    assert forecast("history", by=BaselineRunner(few)).tobytes() == probabilities.tobytes()
