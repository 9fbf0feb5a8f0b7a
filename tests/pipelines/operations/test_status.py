import io
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from data.schema import DECISION_SCHEMA, SCORE_SCHEMA
from models.registry.model_version import ModelVersion
from pipelines.operations.status import Status, status
from pipelines.settings.schema import Settings
from pipelines.views.status import show_status
from pipelines.wiring import wiring
from tests.pipelines.made_up import DAY, START, ingest_all, merge_all, settings_of, write_records

NEWEST = START + 10 * DAY


def shown(summary: Status) -> str:
    out = io.StringIO()
    show_status(summary, Console(file=out, width=120))
    return out.getvalue()


def publish(settings: Settings, age: timedelta) -> None:
    """Write scores of two nodes at two horizons, one node unknown, and decisions of which one is held back."""
    as_of = NEWEST - age
    scores = [
        {"node": node, "ts": as_of, "horizon_hours": horizon, "probability": probability, "model_version": "v3"}
        for node, probability in (("a", 0.5), ("b", None))
        for horizon in (24.0, 168.0)
    ]
    decisions = [
        {"node": "a", "ts": as_of, "action": "drain", "limit": None},
        {"node": "c", "ts": as_of, "action": "hold back", "limit": "per_rack"},
        {"node": "b", "ts": as_of - DAY, "action": "drain", "limit": None},
    ]
    with wiring.records(settings) as records:
        records.publish_scores(pl.DataFrame(scores, schema=SCORE_SCHEMA))
        records.record_decisions(pl.DataFrame(decisions, schema=DECISION_SCHEMA))


def test_an_empty_state_is_summarized_and_stays_empty(tmp_path: Path) -> None:
    summary = status(settings_of(tmp_path))
    assert (summary.tables, summary.failures, summary.scores, summary.decisions) == ({}, 0, None, None)
    assert not (tmp_path / "var").exists()
    assert "run `nodeward ingest`" in shown(summary)


def test_a_state_that_was_opened_but_never_filled_is_summarized(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with wiring.records(settings):
        pass
    summary = status(settings)
    assert {table.rows for table in summary.tables.values()} == {0}
    assert "0 failures" in shown(summary)


def test_tables_are_counted_with_their_newest_times(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    summary = status(settings)
    rows = {name: table.rows for name, table in summary.tables.items()}
    assert rows == {
        "nodes": 3,
        "events": 2,
        "blind": 1,
        "telemetry": 30,
        "buckets": 30,
        "quarantine": 0,
        "scores": 0,
    }
    assert summary.tables["telemetry"].newest == NEWEST
    assert summary.tables["telemetry"].version == 0
    assert summary.tables["nodes"].version is None
    assert (summary.failures, summary.newest_failure) == (1, START + 4 * DAY)
    assert "1 failures, the last on 2024-01-05 00:00" in shown(summary)
    assert "run `nodeward score`" in shown(summary)


@pytest.mark.parametrize(("horizon", "failures", "newest"), [("1h", 3, 40), ("6h", 2, 40), ("1d", 1, 24)])
def test_failures_are_counted_as_the_policys_horizon_tells_them_apart(
    tmp_path: Path, horizon: str, failures: int, newest: int
) -> None:
    settings = settings_of(tmp_path, "forecast.horizons=['1h', '6h', '1d']", f"policy.horizon={horizon}")
    write_records(settings.source.path)
    starts = [START + timedelta(hours=hours) for hours in (24, 28, 40)]
    events = pl.DataFrame({"node": "a", "start": starts, "end": starts, "kind": "failure"})
    events.write_parquet(settings.source.path / "events.parquet")
    merge_all(settings)
    summary = status(settings)
    assert (summary.failures, summary.newest_failure) == (failures, START + timedelta(hours=newest))


def test_the_newest_scores_and_decisions_are_summarized(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    publish(settings, timedelta(hours=30, seconds=7))
    summary = status(settings)
    assert summary.scores is not None
    assert (summary.scores.nodes, summary.scores.unknown, summary.scores.model_version) == (1, 1, "v3")
    assert summary.scores.is_stale is False
    assert summary.decisions is not None
    assert (summary.decisions.actions, summary.decisions.held_back) == ({"drain": 1, "hold back": 1}, 1)
    assert ", 1d6h old by model v3: 1 nodes, 1 unknown" in shown(summary)
    assert "1 to drain, 1 held back; 1 held back by a limit" in shown(summary)


@pytest.mark.parametrize(("age", "is_stale"), [(timedelta(hours=36), False), (timedelta(hours=36, seconds=1), True)])
def test_scores_older_than_the_policy_allows_are_called_stale(tmp_path: Path, age: timedelta, is_stale: bool) -> None:  # noqa: FBT001  - an expectation
    settings = settings_of(tmp_path)
    ingest_all(settings)
    publish(settings, age)
    summary = status(settings)
    assert summary.scores is not None
    assert summary.scores.is_stale is is_stale
    assert ("stale" in shown(summary)) is is_stale


def test_scores_without_records_have_no_age_by_the_datas_clock(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    publish(settings, timedelta(0))
    summary = status(settings)
    assert summary.scores is not None
    assert (summary.scores.age, summary.scores.is_stale) == (None, None)
    assert " old" not in shown(summary)


class FakeRegistry:
    """A registry of three versions of a model, the newest first."""

    def versions(self) -> tuple[ModelVersion, ...]:
        return tuple(
            ModelVersion(version, aliases, NEWEST, support, {}, "run")
            for version, aliases, support in (
                ("3", ("challenger",), "low support"),
                ("2", (), "ok"),
                ("1", ("champion",), "ok"),
            )
        )


def test_models_are_listed_by_their_aliases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path, "tracking.uri=http://127.0.0.1:1")
    ingest_all(settings)
    monkeypatch.setattr("pipelines.wiring.wiring.registry", lambda _: FakeRegistry())
    text = shown(status(settings))
    assert "challenger: model 3, trained until 2024-01-11 00:00 (low support)\n" in text
    assert "champion: model 1, trained until 2024-01-11 00:00\n" in text
    assert "models without a role: 1" in text


def test_no_tracking_store_is_created_to_look_for_models(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    assert "run `nodeward train`" in shown(status(settings))
    assert not (tmp_path / "var" / "mlflow.db").exists()
