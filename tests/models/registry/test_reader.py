"""The reader returns what MLflow returns for the same store, without MLflow where it can."""

from __future__ import annotations

import math
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from data.errors import DataError, InfrastructureError, ModelMismatchError
from features.events.base_rates import FleetRate
from models.hazard.model import Covariates
from models.registry.bundle import FORMAT
from models.registry.reader import ModelReader
from tests.models.registry.made_up import registry_in, run_of

if TYPE_CHECKING:
    from pathlib import Path

    from models.registry.bundle import Bundle
    from models.registry.mlflow_registry import Registry


def never() -> Registry:
    raise AssertionError("MLflow was not needed")


def reader_in(folder: Path) -> ModelReader:
    return ModelReader(f"sqlite:///{folder}/mlflow.db", (folder / "mlflow").as_uri(), "nodeward", "nodeward", never)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Path:
    """Registers five models, promotes the second, and deletes the third as an administrator does."""
    folder = tmp_path_factory.mktemp("a state #")
    registry = registry_in(folder)
    for number in range(5):
        manifest = replace(bundle.manifest, metrics={"pr_auc_7d": number / 8})
        registry.log(run_of(replace(bundle, manifest=manifest)))
    registry.promote("2")
    registry_in(folder, "another fleet").log(run_of(bundle))
    from mlflow import MlflowClient  # noqa: PLC0415 - takes 2 s, and not while tests are collected

    MlflowClient(registry.uri, registry.uri).delete_model_version("nodeward", "3")
    return folder


def test_versions_are_those_that_mlflow_lists(store: Path) -> None:
    versions = reader_in(store).versions()
    assert [version.version for version in versions] == ["5", "4", "2", "1"]
    assert versions == registry_in(store).versions()
    assert [version.metrics for version in versions] == [{"pr_auc_7d": share} for share in (0.5, 0.375, 0.125, 0.0)]


def test_a_metric_without_a_value_is_nan_as_in_mlflow(tmp_path: Path, bundle: Bundle) -> None:
    registry = registry_in(tmp_path)
    registry.log(run_of(bundle))
    from mlflow import MlflowClient  # noqa: PLC0415 - takes 2 s, and not while tests are collected

    MlflowClient(registry.uri).log_metric(registry.versions()[0].run_id, "slope_7d", math.nan)
    for source in (reader_in(tmp_path), registry):
        assert math.isnan(source.versions()[0].metrics["slope_7d"])


@pytest.mark.parametrize("name", ["champion", "challenger", "1", "5"])
def test_a_model_is_the_one_that_mlflow_loads(store: Path, name: str) -> None:
    version, loaded = reader_in(store).load(name)
    expected_version, expected = registry_in(store).load(name)
    assert (version, loaded.manifest) == (expected_version, expected.manifest)
    covariates = Covariates(np.random.default_rng(2).random((20, 2), dtype=np.float32), FleetRate.constant(0.001, 20))
    np.testing.assert_array_equal(loaded.model.probabilities(covariates), expected.model.probabilities(covariates))


@pytest.mark.parametrize("name", ["golden", "3", "7"])
def test_an_unknown_name_has_the_message_of_the_registry(store: Path, name: str) -> None:
    messages = []
    for source in (reader_in(store), registry_in(store)):
        with pytest.raises(DataError, match=f"no model '{name}'") as caught:
            source.load(name)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_store_that_does_not_exist_holds_nothing_and_is_not_created_by_reading(tmp_path: Path) -> None:
    assert reader_in(tmp_path).versions() == ()
    with pytest.raises(DataError, match=r"no model 'champion' of 'nodeward'(?s:.)*run `nodeward train` first"):
        reader_in(tmp_path).load("champion")
    assert list(tmp_path.iterdir()) == []


def test_models_are_found_after_the_folder_was_moved(store: Path, tmp_path: Path) -> None:
    new = tmp_path / "100% new #"
    shutil.copytree(store, new)
    assert reader_in(new).load("champion")[0] == "2"
    model = new / "mlflow" / reader_in(new).versions()[0].run_id / "artifacts" / "model"
    shutil.rmtree(model)
    with pytest.raises(DataError, match=r"version 5 of 'nodeward' can't be read"):
        reader_in(new).load("5")


def test_a_model_of_another_format_is_named(tmp_path: Path, bundle: Bundle) -> None:
    other = replace(bundle, manifest=replace(bundle.manifest, format=FORMAT + 1))
    registry_in(tmp_path).log(run_of(other))
    with pytest.raises(ModelMismatchError, match=r"^version 1 of .* made by another version of Nodeward"):
        reader_in(tmp_path).load("champion")


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE model_versions RENAME COLUMN source TO place", "ALTER TABLE latest_metrics RENAME TO newest_metrics"],
)
def test_tables_of_another_layout_are_left_to_mlflow(store: Path, tmp_path: Path, change: str) -> None:
    shutil.copytree(store, tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy" / "mlflow.db")) as database:
        database.execute(change)
    other = replace(reader_in(tmp_path / "copy"), open_registry=lambda: registry_in(store))
    assert [version.version for version in other.versions()] == ["5", "4", "2", "1"]
    assert other.load("champion")[0] == "2"


def test_a_server_is_left_to_mlflow(store: Path) -> None:
    remote = replace(reader_in(store), uri="http://127.0.0.1:9", open_registry=lambda: registry_in(store))
    assert remote.load("champion")[0] == "2"


def test_a_file_that_is_no_database_has_the_message_of_the_registry(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 100)
    reader = replace(reader_in(tmp_path), open_registry=lambda: registry_in(tmp_path))
    with pytest.raises(InfrastructureError, match="file is not a database"):
        reader.versions()
