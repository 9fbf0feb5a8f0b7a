from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from data.delta.store import Store
from data.errors import SettingsError
from data.schema import QUARANTINE_SCHEMA, SCORE_SCHEMA
from tests.data.made_up import DAY, HOUR, START, telemetry

SCORE = ("n1", START, 24.0, 0.25, "3", "ok", 1.5, "its fans", "fan", 0.62, None)


def scores(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCORE_SCHEMA, orient="row")


def test_opening_a_store_writes_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "var", HOUR)
    assert store.versions() == {}
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("name", ["my fleet", "Geräte 100%", "a+b&c", "#1", "a;b"])
def test_a_folder_may_have_any_usual_name(tmp_path: Path, name: str) -> None:
    store, batch = Store.open(tmp_path / name, HOUR), telemetry([("n1", HOUR, timedelta(0), 1.0)])
    store.buckets.refresh(store.telemetry, store.telemetry.merge(batch))
    assert store.telemetry.read().equals(batch)
    assert store.buckets.read().height == 1
    assert (tmp_path / name / "telemetry").is_dir()


@pytest.mark.parametrize("name", ["a=b", "fleet[1]", "a|b", "a^b"])
def test_a_folder_that_delta_can_not_open_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="a state folder's path can't have"):
        Store.open(Path("var") / name, HOUR)


def test_versions_name_the_tables_that_exist(tmp_path: Path) -> None:
    store = Store.open(tmp_path, HOUR)
    store.telemetry.merge(telemetry([("n1", HOUR, timedelta(0), 1.0)]))
    assert store.versions() == {"telemetry": 0}


def test_a_score_stays_as_it_was_first_published(tmp_path: Path) -> None:
    history = Store.open(tmp_path, HOUR).scores
    assert history.add(scores(SCORE)) == 1
    assert history.add(scores((*SCORE[:3], 0.75, *SCORE[4:]))) == 0
    assert history.read().rows() == [SCORE]


def test_scores_without_causes_stay_next_to_scores_with_causes(tmp_path: Path) -> None:
    history, old = Store.open(tmp_path, HOUR).scores, scores(SCORE).drop("cause", "cause_probability", "cause_note")
    replace(history.table, keys=dict(old.schema)).append(old)
    assert history.read().columns == old.columns
    assert history.add(scores(SCORE, ("n2", *SCORE[1:]))) == 1
    stored = history.read().sort("node")
    assert stored.select(old.columns)[:1].equals(old)
    assert stored["cause"].to_list() == [None, "fan"]
    assert stored["cause_probability"].to_list() == [None, 0.62]


def test_scores_that_are_added_simultaneously_are_stored_once(tmp_path: Path) -> None:
    history = Store.open(tmp_path, HOUR).scores
    history.add(scores(SCORE))
    rows = scores(*((f"n{node}", *SCORE[1:]) for node in range(50)))
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: history.add(rows), range(4))) == 49
    assert history.read().height == 50


def test_scores_of_another_time_horizon_or_model_are_different_scores(tmp_path: Path) -> None:
    history = Store.open(tmp_path, HOUR).scores
    others = (("n1", START + DAY, *SCORE[2:]), (*SCORE[:2], 48.0, *SCORE[3:]), (*SCORE[:4], "4", *SCORE[5:]))
    assert history.add(scores(SCORE, *others)) == 4
    assert history.read(start=START + DAY).rows() == [others[0]]


def test_a_quarantined_row_is_stored_once_even_without_node_and_time(tmp_path: Path) -> None:
    quarantine = Store.open(tmp_path, HOUR).quarantine
    rows = pl.DataFrame([("telemetry", "has no ts", None, None, "{}", "a")], schema=QUARANTINE_SCHEMA, orient="row")
    assert [quarantine.add(rows), quarantine.add(rows)] == [1, 0]
    assert quarantine.read().equals(rows)


def test_only_a_store_on_this_machine_has_a_lock_file(tmp_path: Path) -> None:
    assert Store.open(tmp_path, HOUR).lock == tmp_path / "ingest.lock"
    remote = Store.open("s3://fleet/tables/", HOUR)
    assert (remote.lock, remote.telemetry.table.uri) == (None, "s3://fleet/tables/telemetry")
    with remote.exclusive_lock(HOUR):
        pass
