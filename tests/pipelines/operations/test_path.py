"""Every step from ingest to status by the command line, in a separate process."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from data.schema import NODE
from pipelines.settings.load import load
from pipelines.wiring import wiring
from tests.pipelines.operations.test_ingest import Ran, run
from tests.pipelines.records import NODES, write_folder

SCRIPT = """
import polars as pl
from pipelines.main import main
source = ["--set", "clock.now=data"]
codes = [
    main(["score", *source]),
    main(["ingest"]),
    main(["decide", *source]),
    main(["train", *source, "--json", "train.json"]),
    main(["score", *source, "--json", "score.json"]),
    main(["decide", *source, "--set", "policy.failure_cost_node_hours=200", "--json", "decide.json"]),
    main(["decide", *source, "--set", "policy.horizon=5d"]),
    main(["decide", *source, "--set", "policy.horizon=5d", "--set", "forecast.horizons=['1d', '5d']"]),
    main(["score", *source, "--set", "metrics.columns.errors.kind=gauge"]),
    main(["score", *source, "--set", "features.windows=['1d', '5d']", "--json", "windows.json"]),
    main(["train", *source, "--set", "model.min_failures=10000", "--json", "low.json"]),
    main(["score", *source, "--model", "2"]),
    main(["decide", *source, "--json", "refused.json"]),
    main(["score", *source, "--at", "2024-02-20", "--json", "past.json"]),
    main(["status", *source, "--json", "status.json"]),
    main(["score", *source, "--model", "1", "--set", "metrics.ignore=['temperature']", "--json", "lost.json"]),
    main(["score", *source, "--model", "1", "--json", "before.json"]),
]
telemetry = pl.read_parquet("records/telemetry.parquet")
telemetry.with_columns(fan=pl.lit(3.0)).write_parquet("records/telemetry.parquet")
codes += [
    main(["ingest", "--json", "grown.json"]),
    main(["score", *source, "--model", "1", "--json", "after.json"]),
    main(["promote", *source, "--json", "promoted.json"]),
    main(["promote", "7", *source]),
    main(["score", *source, "--json", "second.json"]),
]
print(codes)
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("path")
    write_folder(folder)
    process = run(folder, "-c", SCRIPT)
    return Ran(folder, process.stdout, process.stderr)


def report_of(ran: Ran, name: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((ran.folder / f"{name}.json").read_text())
    return report


def test_every_command_ends_with_the_exit_code_of_its_fault(ran: Ran) -> None:
    assert ran.out.endswith("[3, 0, 3, 0, 0, 0, 2, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0]\n"), ran.err
    assert "run `nodeward train` first" in ran.err
    assert "run `nodeward score` first" in ran.err
    assert "not one of forecast.horizons: 1d, 3d, 7d" in ran.err
    assert "policy.horizon = 5d: the published scores are for 1d, 3d, 7d" in ran.err


def test_a_model_of_another_catalogue_is_refused_with_the_difference_named(ran: Ran) -> None:
    assert "errors__increase__3d" in ran.err
    assert "which the catalogue lacks" in ran.err


def test_a_model_keeps_its_windows_when_the_settings_have_others(ran: Ran) -> None:
    assert report_of(ran, "windows") == report_of(ran, "score")


def test_a_model_still_scores_after_a_metric_is_added_with_a_notice(ran: Ran) -> None:
    before, after = report_of(ran, "before"), report_of(ran, "after")
    assert any("fan was not there before" in notice for notice in report_of(ran, "grown")["notices"])
    assert after["scores"] == before["scores"]
    assert any(notice.startswith("fan is not used: ") for notice in after["notices"])
    assert not any("fan" in notice for notice in before["notices"])


def test_a_model_still_scores_after_a_metric_is_gone_with_a_notice(ran: Ran) -> None:
    lost, before = report_of(ran, "lost"), report_of(ran, "before")
    assert lost["nodes"] == before["nodes"]
    assert lost["scores"] != before["scores"]
    assert any(notice.startswith("temperature is empty: ") for notice in lost["notices"])


def test_scores_of_a_time_before_the_end_of_training_have_a_notice(ran: Ran) -> None:
    (notice,) = (notice for notice in report_of(ran, "past")["notices"] if "learned" in notice)
    assert "after the time that is scored: it may know what came" in notice
    assert not any("learned" in notice for notice in report_of(ran, "score")["notices"])


def test_the_first_model_is_challenger_and_champion_and_the_next_one_challenger_alone(ran: Ran) -> None:
    assert report_of(ran, "train")["aliases"] == ["challenger", "champion"]
    assert report_of(ran, "low")["aliases"] == ["challenger"]
    assert report_of(ran, "train")["tables"].keys() == {"telemetry", "buckets"}


def test_scores_use_the_model_that_was_promoted(ran: Ran) -> None:
    assert report_of(ran, "promoted") == {"model": "2", "was": "1"}
    assert "no model '7' of 'nodeward' is registered" in ran.err
    assert report_of(ran, "second")["model_version"] == "2"


def test_every_present_node_is_scored_unknown_or_under_repair(ran: Ran) -> None:
    score = report_of(ran, "score")
    nodes = pl.read_parquet(ran.folder / "records" / "nodes.parquet")
    departed = nodes.filter(pl.col("observed_until") <= datetime.fromisoformat(score["as_of"])).height
    assert score["nodes"] + score["unknown"] + score["out"] + departed == NODES
    assert score["nodes"] > 0
    probabilities = [row["probability"] for row in score["scores"]]
    scored = [probability for probability in probabilities if probability is not None]
    assert len(probabilities) == len({row[NODE] for row in score["scores"]}) == score["nodes"] + score["unknown"]
    assert probabilities == sorted(scored, reverse=True) + [None] * score["unknown"]
    assert all(row["probabilities"]["7d"] == row["probability"] for row in score["scores"])
    texts = [reason["text"] for row in score["scores"] for reason in row["reasons"]]
    assert texts
    assert all(texts)


def test_published_scores_rise_with_the_horizon(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ran.folder)
    with wiring.records(load(ran.folder / "nodeward.toml")) as records:
        latest = records.latest_scores().drop_nulls("probability").sort(NODE, "horizon_hours")
    steps = latest.select(pl.col("probability").diff().over(NODE).alias("step"))["step"].drop_nulls()
    assert len(steps) > 0
    assert (steps >= 0).all()


def test_the_horizon_of_scores_and_decisions_is_in_hours(ran: Ran) -> None:
    for name in ("score", "decide"):
        report = report_of(ran, name)
        assert report["horizon_hours"] == 168.0
        assert not {"horizon", "horizon_days"} & set(report)


def test_decisions_stay_inside_the_limits_and_have_reasons(ran: Ran) -> None:
    decide = report_of(ran, "decide")
    assert len(decide["drains"]) + decide["out"] <= max(decide["out"], 1, int(0.01 * NODES))
    decisions = [*decide["drains"], *decide["held_back"]]
    assert decisions
    assert all(decision["reason"] for decision in decisions)


def test_nothing_is_drained_on_low_support(ran: Ran) -> None:
    low, refused = report_of(ran, "low"), report_of(ran, "refused")
    assert low["support"] == "low support"
    assert refused["drains"] == []


def test_status_names_the_models_and_the_scores(ran: Ran) -> None:
    status = report_of(ran, "status")
    assert status["failures"] > 0
    assert status["scores"]["model_version"] == "2"


def test_scores_as_of_an_earlier_time_are_reported_but_not_published(ran: Ran) -> None:
    past, status = report_of(ran, "past"), report_of(ran, "status")
    assert past["as_of"].startswith("2024-02-20")
    assert past["notices"][0].startswith("not published: the scores as of 2024-03-21 00:00 UTC are newer")
    assert status["scores"]["as_of"].startswith("2024-03-21")
