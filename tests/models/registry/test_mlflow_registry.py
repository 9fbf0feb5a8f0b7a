"""The registry on a real MLflow store: one SQLite file for all tests, a model name for each."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.figure import Figure

from data.errors import DataError, InfrastructureError, ModelMismatchError, UnreachableError
from features.events.base_rates import FleetRate
from models.hazard.model import Covariates
from models.registry.bundle import FORMAT, Bundle
from tests.models.registry.made_up import TRAINED_UNTIL, registry_in, run_of

if TYPE_CHECKING:
    from pathlib import Path

    from models.registry.mlflow_registry import Registry


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder whose name must be quoted in a URI, where a process was killed while it created the store."""
    folder = tmp_path_factory.mktemp("a state #")
    (folder / "mlflow.new").mkdir()
    (folder / "mlflow.new" / "mlflow.db").write_bytes(b"half a database")
    return folder


@pytest.fixture
def registry(store: Path, request: pytest.FixtureRequest) -> Registry:
    return registry_in(store, request.node.name)


class _Unsaved(Figure):
    """A figure that stops the program when it is saved."""

    def __init__(self, stop: BaseException) -> None:
        super().__init__()
        self._stop = stop

    def savefig(self, *_args: object, **_options: object) -> None:
        raise self._stop


def test_a_store_that_does_not_exist_holds_nothing_and_is_not_created_by_reading(tmp_path: Path) -> None:
    registry = registry_in(tmp_path)
    assert registry.versions() == ()
    with pytest.raises(DataError, match=r"no model 'champion' of 'nodeward'(?s:.)*run `nodeward train` first"):
        registry.load("champion")
    assert list(tmp_path.iterdir()) == []


def test_the_first_model_is_champion_and_challenger(registry: Registry, bundle: Bundle) -> None:
    logged = registry.log(run_of(bundle))
    assert (logged.version, set(logged.aliases)) == ("1", {"champion", "challenger"})
    assert (logged.trained_until, logged.support, logged.metrics) == (TRAINED_UNTIL, "ok", {"pr_auc_7d": 0.25})


def test_a_store_that_was_left_half_created_is_created_again(registry: Registry, bundle: Bundle, store: Path) -> None:
    registry.log(run_of(bundle))
    assert {path.name for path in store.iterdir()} == {"mlflow", "mlflow.db", "mlflow.lock"}


def test_a_later_model_is_challenger_until_it_is_promoted(registry: Registry, bundle: Bundle) -> None:
    for _ in range(2):
        registry.log(run_of(bundle))
    assert {model.version: model.aliases for model in registry.versions()} == {"2": ("challenger",), "1": ("champion",)}
    registry.promote("2")
    aliases = [(model.version, model.aliases) for model in registry.versions()]
    assert aliases == [("2", ("challenger", "champion")), ("1", ())]


def test_a_champion_of_another_format_is_named_and_gives_way_to_the_next_model(
    registry: Registry, bundle: Bundle
) -> None:
    registry.log(run_of(replace(bundle, manifest=replace(bundle.manifest, format=FORMAT + 1))))
    with pytest.raises(
        ModelMismatchError, match=r"^version 1 of .* made by another version of Nodeward: the model is of"
    ):
        registry.load("champion")
    assert registry.log(run_of(bundle)).aliases == ("challenger", "champion")
    assert registry.load("champion")[0] == "2"
    assert registry.log(run_of(bundle)).aliases == ("challenger",)


def test_a_model_comes_back_as_it_was_by_alias_and_by_version(registry: Registry, bundle: Bundle) -> None:
    registry.log(run_of(bundle))
    covariates = Covariates(np.random.default_rng(2).random((20, 2), dtype=np.float32), FleetRate.constant(0.001, 20))
    for name in ("champion", "challenger", "1"):
        version, loaded = registry.load(name)
        assert (version, loaded.manifest) == ("1", bundle.manifest)
        expected = bundle.model.probabilities(covariates)
        np.testing.assert_array_equal(loaded.model.probabilities(covariates), expected)


def test_a_run_keeps_parameters_metrics_plots_table_versions_and_no_pickle(
    registry: Registry, bundle: Bundle, store: Path
) -> None:
    run_id = registry.log(run_of(bundle)).run_id
    with sqlite3.connect(store / "mlflow.db") as opened:
        params = dict(opened.execute("select key, value from params where run_uuid = ?", [run_id]).fetchall())
        status = opened.execute("select status from runs where run_uuid = ?", [run_id]).fetchone()
    opened.close()
    assert params.items() >= {"trees": "5", "tables.telemetry": "3", "tables.buckets": "2"}.items()
    assert status == ("FINISHED",)
    files = {str(path.relative_to(store / "mlflow" / run_id / "artifacts")) for path in store.rglob(f"{run_id}/*/*/*")}
    assert files == {"plots/reliability.png", "model/manifest.json", "model/booster-0.txt"}
    assert (store / "mlflow" / run_id / "artifacts/plots/reliability.png").read_bytes().startswith(b"\x89PNG")


def test_runs_and_versions_have_a_title_and_a_description(registry: Registry, bundle: Bundle, store: Path) -> None:
    registry.log(run_of(bundle))
    run = run_of(bundle)
    assert run.title == "m100 until 2021-07-01 00:00"
    assert "77 failures to learn from, 2 features, support 'ok'. Its metrics" in run.description
    assert "metrics" not in run_of(Bundle(bundle.model, replace(bundle.manifest, metrics={}))).description
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        runs = database.execute("SELECT name FROM runs").fetchall()
        notes = database.execute("SELECT value FROM tags WHERE key = 'mlflow.note.content'").fetchall()
        versions = database.execute("SELECT description FROM model_versions").fetchall()
    assert (run.title,) in runs
    assert (run.description,) in notes
    assert (run.description,) in versions


@pytest.mark.parametrize("stop", [ValueError("no such font"), KeyboardInterrupt()], ids=["fails", "interrupted"])
def test_a_run_that_is_stopped_is_marked_failed_and_registers_nothing(
    registry: Registry, bundle: Bundle, store: Path, stop: BaseException
) -> None:
    with pytest.raises(type(stop)):
        registry.log(replace(run_of(bundle), figures={"broken": _Unsaved(stop)}))
    with sqlite3.connect(store / "mlflow.db") as opened:
        newest = opened.execute("select status from runs order by start_time desc, rowid desc limit 1").fetchone()
    opened.close()
    assert newest == ("FAILED",)
    assert registry.versions() == ()


def test_an_unknown_alias_or_version_names_what_there_is(registry: Registry, bundle: Bundle) -> None:
    registry.log(run_of(bundle))
    with pytest.raises(DataError, match=r"no model 'golden'(?s:.)*choose one of challenger, champion, 1"):
        registry.load("golden")
    with pytest.raises(DataError, match="no model '7'"):
        registry.promote("7")


def test_a_model_whose_files_are_gone_or_broken_is_a_fault_of_data(
    registry: Registry, bundle: Bundle, store: Path
) -> None:
    model = store / "mlflow" / registry.log(run_of(bundle)).run_id / "artifacts" / "model"
    (model / "booster-0.txt").write_text("tree\n")
    with pytest.raises(DataError, match=r"version 1 of .* can't be read"):
        registry.load("1")
    for file in model.iterdir():
        file.unlink()
    model.rmdir()
    with pytest.raises(DataError, match=r"version 1 of .* can't be read"):
        registry.load("1")


def test_versions_of_tables_that_the_champion_the_challenger_or_a_late_run_read_are_cited(
    tmp_path: Path, bundle: Bundle
) -> None:
    registry = registry_in(tmp_path)
    assert registry.cited_tables() == {}
    for version in range(9):
        tables = {"telemetry": version, "buckets": 10 * version}
        registry.log(run_of(replace(bundle, manifest=replace(bundle.manifest, tables=tables))))
    registry.promote("2")
    assert registry.cited_tables()["telemetry"] == {1, 4, 5, 6, 7, 8}
    assert registry.cited_tables()["buckets"] == {10, 40, 50, 60, 70, 80}


def test_models_are_found_after_the_folder_was_moved_or_copied(tmp_path: Path, bundle: Bundle) -> None:
    old, new = tmp_path / "100% old #", tmp_path / "new"
    old.mkdir()
    registry_in(old).log(run_of(bundle))
    shutil.copytree(old, new)
    shutil.rmtree(old / "mlflow")
    assert registry_in(new).load("champion")[0] == "1"
    registry_in(new).log(run_of(bundle))
    new.rename(tmp_path / "newer")
    assert [registry_in(tmp_path / "newer").load(version)[0] for version in ("1", "2")] == ["1", "2"]
    with closing(sqlite3.connect(tmp_path / "newer" / "mlflow.db")) as database:
        columns = ("artifact_uri FROM runs", "source FROM model_versions", "storage_location FROM model_versions")
        locations = {location for column in columns for (location,) in database.execute(f"SELECT {column}")}
    assert len(locations) == 4
    new_uri = (tmp_path / "newer" / "mlflow").as_uri()
    assert [location for location in locations if not location.startswith(new_uri)] == []


def test_a_server_that_is_down_is_named(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    down = replace(registry, uri="http://user:secret@127.0.0.1:9")
    with pytest.raises(UnreachableError, match=r"MLflow server .* at http://user:\*\*\*@127.0.0.1:9") as caught:
        down.load("champion")
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_named(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(InfrastructureError, match="file is not a database"):
        replace(registry, uri=f"sqlite:///{tmp_path}/mlflow.db").versions()


def test_the_registry_prints_nothing(registry: Registry, bundle: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    registry.log(run_of(bundle))
    registry.load("champion")
    assert capfd.readouterr() == ("", "")
