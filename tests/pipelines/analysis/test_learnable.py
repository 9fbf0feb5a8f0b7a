from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from data.view import RecordFrames
from models.hazard.train import train
from pipelines.analysis.check import check
from pipelines.analysis.evidence import Evidence
from pipelines.analysis.learnable import count_learnable
from pipelines.settings.load import load
from pipelines.views.flows import evidence_in_words
from pipelines.wiring import wiring
from pipelines.wiring.training_setup import hindsight_view, training_setup
from tests.pipelines.made_up import merge_all
from tests.pipelines.records import DAY, DAYS, START, write_folder

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pipelines.settings.schema import Settings

END = START + DAYS * DAY


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    write_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    return load(tmp_path / "nodeward.toml", ["clock.now=data"])


def counted(settings: Settings, until: datetime = END, *, is_seen: bool = True) -> int:
    store = wiring.store(settings)
    with wiring.records(settings) as database:
        records = RecordFrames(database.events(), database.nodes(), database.blind())
    return count_learnable(records, store.buckets if is_seen else None, until, settings)


def test_training_learns_from_as_many_failures_as_check_says(settings: Settings) -> None:
    merge_all(settings)
    store = wiring.store(settings)
    with wiring.records(settings) as database:
        trained = train(
            hindsight_view(store, database).narrow(END), training_setup(settings, store.telemetry.metrics())
        )
    evidence = check(settings, "").evidence
    assert evidence is not None
    assert evidence.learnable == counted(settings) == trained.failures
    assert evidence.learnable < evidence.failures
    assert evidence.is_seen


def test_a_failure_under_repair_before_anyone_was_there_or_of_an_unseen_node_teaches_nothing(
    settings: Settings,
) -> None:
    telemetry = settings.source.path / "telemetry.parquet"
    is_thin = (pl.col("node") == "n00") & (pl.col("seen_n") > 0)
    thin = pl.when(is_thin).then(10.0).otherwise("seen_n").alias("seen_n")
    pl.read_parquet(telemetry).with_columns(thin).write_parquet(telemetry)
    merge_all(settings)
    assert counted(settings) < counted(settings, is_seen=False)
    assert counted(settings, START) == 0


def test_before_an_ingest_nobody_knows_who_was_seen(settings: Settings) -> None:
    evidence = check(settings, "").evidence
    assert evidence is not None
    assert not evidence.is_seen
    assert evidence.learnable is not None
    assert 0 < evidence.learnable <= evidence.failures
    assert "of them at nodes that were up (how many of them were seen, an ingest will tell)" in evidence_in_words(
        evidence
    )


def test_what_can_be_learned_from_decides_whether_it_is_enough() -> None:
    evidence = Evidence(START, END, 9, 60, 50, 7, None, learnable=49, is_seen=True)
    assert not evidence.is_enough_to_train
    assert evidence_in_words(evidence).startswith(
        "60 failures of 9 nodes, 2024-01-01 to 2024-03-21; 49 of them at nodes that were up and seen, which can be "
        "learned from: fewer than model.min_failures = 50"
    )


def test_a_fleet_that_never_failed_teaches_nothing(settings: Settings) -> None:
    events = settings.source.path / "events.parquet"
    pl.read_parquet(events).filter(pl.col("kind") == "maintenance").write_parquet(events)
    merge_all(settings)
    assert counted(settings) == 0
