from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from data.durations import parse_duration
from data.schema import EVENT_SCHEMA, NODE_SCHEMA
from data.time_grid import HOUR, floor_time
from data.view import HINDSIGHT, RecordFrames
from features.training import cutoff_sample
from models.hazard.train import train
from pipelines.analysis.check import check
from pipelines.analysis.evidence import Evidence, count_learnable, evidence_of, wilson_half_width
from pipelines.settings.load import load
from pipelines.settings.schema import ForecastSettings
from pipelines.wiring import wiring
from pipelines.wiring.training_setup import hindsight_view, training_setup
from tests.pipelines.made_up import merge_all
from tests.pipelines.records import DAY, DAYS, START, write_folder

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from pipelines.settings.schema import Settings

END = START + DAYS * DAY


def events(*days: float, kind: str = "failure", node: str = "n") -> pl.DataFrame:
    rows = [
        {
            "node": f"{node}{number}",
            "start": START + day * DAY,
            "end": None,
            "kind": kind,
            "cause": None,
            "source": "s",
            "recorded_at": START + day * DAY,
            "end_recorded_at": None,
        }
        for number, day in enumerate(days)
    ]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


def nodes(count: int = 3) -> pl.DataFrame:
    rows = [{"node": f"n{number}", "observed_from": START} for number in range(count)]
    return pl.DataFrame(rows, schema=NODE_SCHEMA)


def test_failures_are_counted_once_and_by_quarter() -> None:
    table = pl.concat([events(10, 70, 80, 100), events(10, 70), events(5, 6, kind="maintenance")])
    evidence = evidence_of(table, nodes(), failures_needed=4)
    assert (evidence.failures, evidence.failures_in_last_quarter, evidence.nodes) == (4, 2, 3)
    assert (evidence.start, evidence.end) == (START, START + 100 * DAY)
    assert evidence.is_enough_to_train


@pytest.mark.parametrize(("repeat", "count"), [(DAY, 1), (6 * HOUR, 1), (5 * HOUR, 2)])
def test_a_failure_soon_after_another_one_is_counted_by_how_soon(repeat: timedelta, count: int) -> None:
    pair = events(10, 10.25).with_columns(node=pl.lit("n1"), end=pl.col("start"))
    evidence = evidence_of(pair, nodes(), 1, ForecastSettings(repeat=repeat))
    assert (evidence.failures, evidence.failures_in_last_quarter) == (count, count)


@pytest.mark.parametrize(("horizon", "failures", "late"), [("1h", 4, 3), ("6h", 3, 2), ("1d", 2, 1), ("7d", 2, 1)])
def test_failures_are_counted_as_forecasts_over_the_horizon_of_the_policy_do(
    horizon: str, failures: int, late: int
) -> None:
    table = events(10, 90, 90.2, 90.9).with_columns(node=pl.lit("n1"), end="start")
    forecast = ForecastSettings.model_validate({"horizons": ["1h", "6h", "1d", "7d"]})
    evidence = evidence_of(pl.concat([table, table]), nodes(), 1, forecast, parse_duration(horizon))
    assert (evidence.failures, evidence.failures_in_last_quarter) == (failures, late)
    assert (evidence.recorded, evidence.outages) == (4, {"1h": 4, "6h": 3, "1d": 2})


def test_a_repeat_that_is_set_holds_for_every_horizon() -> None:
    table = events(10, 90, 90.2, 90.9).with_columns(node=pl.lit("n1"), end="start")
    forecast = ForecastSettings.model_validate({"horizons": ["1h", "7d"], "repeat": "6h"})
    evidences = [evidence_of(table, nodes(), 1, forecast, horizon) for horizon in forecast.horizons]
    assert [(evidence.failures, evidence.outages) for evidence in evidences] == [(3, {"6h": 3})] * 2


@pytest.mark.parametrize(
    ("every", "gaps"),
    [
        ("1h", {0.05: 5 * DAY, 1.0: DAY / 4}),
        ("1d", {0.05: 5 * DAY}),
        ("7d", {}),
    ],
)
def test_rates_of_less_than_one_alarm_a_score_are_named_with_the_time_between_alarms(
    every: str, gaps: dict[float, timedelta]
) -> None:
    forecast = ForecastSettings.model_validate({"horizons": ["7d"], "every": every, "alarm_rates": [0.05, 1.0, 6.0]})
    left = pl.Series([None, None, None, None, START + 5 * DAY], dtype=NODE_SCHEMA["observed_until"])
    fleet = nodes(5).with_columns(observed_until=left)
    assert evidence_of(events(10), fleet, 1, forecast).alarm_gaps == gaps


def test_a_fleet_that_has_left_is_counted_whole_for_its_alarms() -> None:
    fleet = nodes(5).with_columns(observed_until=pl.lit(START + DAY).cast(NODE_SCHEMA["observed_until"]))
    assert evidence_of(events(10), fleet, 1).alarm_gaps == {0.0025: 80 * DAY, 0.005: 40 * DAY, 0.01: 20 * DAY}


def test_a_planned_end_is_not_the_end_of_the_records() -> None:
    planned = events(60, kind="maintenance").with_columns(end_recorded_at=pl.lit(HINDSIGHT))
    evidence = evidence_of(pl.concat([events(10, 100), planned]), nodes(), failures_needed=4)
    assert evidence.end == START + 100 * DAY


def test_fewer_failures_than_needed_are_not_enough() -> None:
    assert not evidence_of(events(1, 2), nodes(), failures_needed=3).is_enough_to_train


def test_records_without_a_failure_have_evidence_too() -> None:
    evidence = evidence_of(events(5, kind="maintenance"), nodes(1), failures_needed=1)
    assert (evidence.failures, evidence.half_width, evidence.is_enough_to_train) == (0, None, False)


def test_records_without_an_event_have_no_failure() -> None:
    evidence = evidence_of(events().clear(), nodes(), 50)
    assert (evidence.failures, evidence.failures_in_last_quarter, evidence.half_width) == (0, 0, None)
    assert evidence.end == evidence.start
    assert not evidence.is_enough_to_train


def test_events_of_an_unknown_kind_are_listed_and_not_counted() -> None:
    table = pl.concat([events(1, kind="crash"), events(2, 3), events(4, kind="action")])
    evidence = evidence_of(table, nodes(), failures_needed=1)
    assert (evidence.failures, evidence.ignored_kinds) == (2, {"crash": 1})
    assert evidence_of(events(2, 3), nodes(), failures_needed=1).ignored_kinds == {}


def test_failures_after_one_that_never_ended_are_listed_by_node() -> None:
    unended = events(1, 5).with_columns(node=pl.lit("n1"))
    ended = events(2, 6).with_columns(node=pl.lit("n2"), end=pl.col("start"))
    evidence = evidence_of(pl.concat([unended, ended]), nodes(), failures_needed=1)
    assert (evidence.failures, evidence.unended) == (3, {"n1": 1})
    assert evidence_of(ended, nodes(), failures_needed=1).unended == {}


def test_an_interval_needs_twenty_failures() -> None:
    late = [99 + 0.01 * number for number in range(20)]
    assert evidence_of(events(*late[:19]), nodes(), failures_needed=1).half_width is None
    enough = evidence_of(events(*late), nodes(), failures_needed=1)
    assert enough.half_width == pytest.approx(wilson_half_width(0.4, 20))


@pytest.mark.parametrize("n", [20, 100, 167, 1000])
def test_the_half_width_is_scipys(n: int) -> None:
    interval = binomtest(round(0.4 * n), n).proportion_ci(method="wilson")
    assert wilson_half_width(round(0.4 * n) / n, n) == pytest.approx((interval.high - interval.low) / 2)


@given(share=st.floats(0, 1), n=st.integers(1, 10**6))
def test_more_failures_never_widen_it(share: float, n: int) -> None:
    assert 0 < wilson_half_width(share, n + 1) < wilson_half_width(share, n) < 0.5
    assert wilson_half_width(share, n) <= 1.96 / sqrt(4 * n) + 1e-9


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    write_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    return load(tmp_path / "nodeward.toml", ["clock.now=data"])


def learnable(settings: Settings, until: datetime = END, *, is_seen: bool = True) -> int:
    store = wiring.store(settings)
    with wiring.records(settings) as database:
        records = RecordFrames(database.events(), database.nodes(), database.blind())
    return count_learnable(records, store.buckets if is_seen else None, until, settings)


@pytest.mark.parametrize("forecast", [(), ("forecast.horizons=['2h','1d']", "policy.horizon=1d")])
def test_training_learns_from_as_many_failures_as_check_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forecast: tuple[str, ...]
) -> None:
    write_folder(tmp_path, every=2 * HOUR if forecast else DAY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cutoff_sample, "FEWEST_ROWS", 5_000)  # so that cutoffs two hours apart are drawn
    settings = load(tmp_path / "nodeward.toml", ["clock.now=data", *forecast])
    merge_all(settings)
    evidence = check(settings, "").evidence
    assert evidence is not None
    store, until = wiring.store(settings), floor_time(evidence.end, settings.buckets.width)
    with wiring.records(settings) as database:
        setup = training_setup(settings, store.telemetry.metrics())
        trained = train(hindsight_view(store, database).narrow(until), setup)
    assert evidence.learnable == learnable(settings, until) == trained.failures
    assert evidence.learnable < max(evidence.outages.values())  # as the shortest horizon tells them apart
    assert evidence.is_seen


def test_a_failure_under_repair_or_before_the_records_or_of_a_node_that_did_not_report_is_not_learnable(
    settings: Settings,
) -> None:
    telemetry = settings.source.path / "telemetry.parquet"
    is_thin = (pl.col("node") == "n00") & (pl.col("seen_n") > 0)
    thin = pl.when(is_thin).then(10.0).otherwise("seen_n").alias("seen_n")
    pl.read_parquet(telemetry).with_columns(thin).write_parquet(telemetry)
    merge_all(settings)
    assert learnable(settings) < learnable(settings, is_seen=False)
    assert learnable(settings, START) == 0


def test_before_an_ingest_it_is_unknown_which_nodes_reported(settings: Settings) -> None:
    evidence = check(settings, "").evidence
    assert evidence is not None
    assert not evidence.is_seen
    assert evidence.learnable is not None
    assert 0 < evidence.learnable <= evidence.failures


def test_learnable_failures_decide_whether_there_are_enough() -> None:
    assert not Evidence(START, END, 9, 60, 50, 7, None, learnable=49, is_seen=True).is_enough_to_train
    assert Evidence(START, END, 9, 60, 50, 7, None, learnable=50, is_seen=True).is_enough_to_train


def test_a_fleet_that_never_failed_has_no_learnable_failure(settings: Settings) -> None:
    file = settings.source.path / "events.parquet"
    pl.read_parquet(file).filter(pl.col("kind") == "maintenance").write_parquet(file)
    merge_all(settings)
    assert learnable(settings) == 0
