from __future__ import annotations

import json
from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from data.errors import DataError, ModelMismatchError, SourceFileError
from models.causes import trees
from models.causes.blend import Blend
from models.causes.fit import fit_cause_model
from models.hazard.model import Covariates
from models.registry.bundle import MANIFEST, UNTOLD, Bundle, Manifest, load, save
from models.registry.pack import pack
from models.setup import CauseCriteria
from tests.models.replays import setup_of, trained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.causes.model import CauseModel

CAUSES = {"cause_model", "cause_trees"}


def bundle_of(metrics: dict[str, float] | None = None) -> Bundle:
    return pack(trained(), "made up", metrics or {"pr_auc_7d": 0.1}, {"telemetry": 3}, causes())


@cache
def causes() -> CauseModel:
    """Learn from the made-up fleet's few failures, and grow trees whether or not they help."""
    criteria = CauseCriteria(min_failures=5, min_of_a_cause=2)
    told = fit_cause_model(replace(trained(), setup=replace(setup_of(), causes=criteria)))
    shares = np.full((40, len(told.causes.names)), 1 / len(told.causes.names))
    features, cause = trained().training.features[:40], np.arange(40) % len(told.causes.names)
    return replace(told, booster=trees.fit(features, cause, np.ones(40), shares, 1), blend=Blend(0.9, 0.5))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(bundle_of(), tmp_path / "model")
    return tmp_path / "model"


def test_a_model_that_was_saved_and_read_gives_the_same_probabilities_to_the_last_bit(saved: Path) -> None:
    own, read, training = bundle_of(), load(saved), trained().training
    seen = training.features, training.fleet_rate
    assert read.manifest == own.manifest
    assert read.probabilities(*seen).tobytes() == trained().model.probabilities(Covariates(*seen)).tobytes()
    assert read.contributions(seen[0]).tobytes() == own.contributions(seen[0]).tobytes()


def test_a_pooled_model_is_read_back_without_trees(tmp_path: Path) -> None:
    own = bundle_of()
    model = replace(own.model, boosters=())
    save(replace(own, model=model, manifest=replace(own.manifest, boosters=(), support="low support")), tmp_path)
    read, training = load(tmp_path), trained().training
    assert read.manifest.support == "low support"
    seen = training.features, training.fleet_rate
    assert read.probabilities(*seen).tobytes() == model.probabilities(Covariates(*seen)).tobytes()


def test_a_model_of_the_format_before_there_were_lines_is_read_as_trees_alone(tmp_path: Path) -> None:
    own, training = bundle_of(), trained().training
    model = replace(own.model, linear=None, trees_share=1.0)
    save(replace(own, model=model), tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    old = {name: value for name, value in manifest.items() if name not in {"line", "trees_share", *CAUSES}}
    old["format"] = 1
    (tmp_path / MANIFEST).write_text(json.dumps(old))
    seen = training.features, training.fleet_rate
    assert load(tmp_path).probabilities(*seen).tobytes() == model.probabilities(Covariates(*seen)).tobytes()


def test_a_model_of_the_format_before_causes_were_told_is_read_without_any(saved: Path) -> None:
    manifest = json.loads((saved / MANIFEST).read_text())
    old = {name: value for name, value in manifest.items() if name not in CAUSES} | {"format": 2}
    (saved / MANIFEST).write_text(json.dumps(old))
    read, seen = load(saved), (trained().training.features, trained().training.fleet_rate)
    assert read.probabilities(*seen).tobytes() == bundle_of().probabilities(*seen).tobytes()
    rows = trained().training.rows.take(np.arange(3))
    told = read.likely_causes(trained().view, rows, seen[0][:3])
    assert [(one.cause, one.probability, one.why) for one in told] == [("unknown", None, UNTOLD)] * 3


def test_causes_that_were_saved_and_read_are_told_alike_to_the_last_bit(saved: Path) -> None:
    own, read, training = causes(), load(saved).causes, trained().training
    assert read is not None
    assert replace(read, booster=None) == replace(own, booster=None)
    seen = trained().view, training.rows, training.features
    assert read.probabilities(*seen).tobytes() == own.probabilities(*seen).tobytes()
    assert load(saved).likely_causes(*seen) == own.forecasts(own.probabilities(*seen))


def test_no_file_of_a_bundle_is_a_pickle(saved: Path) -> None:
    files = sorted(path.name for path in saved.iterdir())
    assert files == ["booster-0.txt", "booster-1.txt", "causes-trees.txt", "causes.json", "line.json", "manifest.json"]
    for path in saved.iterdir():
        text = path.read_text(encoding="utf-8")  # a pickle is not text
        assert text.startswith("tree\n") or isinstance(json.loads(text), dict)


def test_the_manifest_says_what_was_trained_and_on_what(saved: Path) -> None:
    manifest = load(saved).manifest
    assert manifest.fleet == "made up"
    assert manifest.features == trained().training.catalogue.names
    assert manifest.trained_until == "2021-01-31T00:00:00+00:00"
    assert (manifest.failures, manifest.support) == (trained().failures, "ok")
    assert manifest.tables == {"telemetry": 3}
    assert manifest.params["trees"] == setup_of().recipe.params.trees
    assert manifest.params["folds"] == setup_of().recipe.folds


def test_a_metric_that_is_no_number_is_left_out() -> None:
    assert bundle_of({"a": np.nan, "b": 1.0}).manifest.metrics == {"b": 1.0}


def test_saving_twice_gives_the_same_files(saved: Path, tmp_path: Path) -> None:
    save(bundle_of(), tmp_path / "again")
    for path in saved.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_save_that_breaks_off_leaves_nothing_that_can_be_read(saved: Path) -> None:
    broken = replace(bundle_of(), manifest=replace(bundle_of().manifest, metrics={"bad": np.nan}))
    with pytest.raises(ValueError, match="JSON"):
        save(broken, saved)
    with pytest.raises(SourceFileError, match="manifest"):
        load(saved)


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        manifest = json.loads((folder / MANIFEST).read_text())
        change(manifest)
        (folder / MANIFEST).write_text(json.dumps(manifest))

    return edit


def cut(name: str, keep: float) -> Callable[[Path], object]:
    def shorten(folder: Path) -> None:
        text = (folder / name).read_bytes()
        (folder / name).write_bytes(text[: int(keep * len(text))])

    return shorten


@pytest.mark.parametrize(
    ("damage", "error", "why"),
    [
        (edited(lambda told: told.update(format=4)), ModelMismatchError, "is of format 4, this version reads 3"),
        (edited(lambda told: told.pop("format")), ModelMismatchError, "is of format None"),
        (edited(lambda told: told.pop("causes")), SourceFileError, "it lacks causes"),
        (edited(lambda told: told.update(extra=1)), SourceFileError, "it has the unknown extra"),
        (edited(lambda told: told.update(calibration_scale=[1.0])), SourceFileError, "differ in length"),
        (edited(lambda told: told.update(sha256=[])), SourceFileError, "no JSON object"),
        (edited(lambda told: told.pop("sha256")), SourceFileError, "booster-0.txt: is not the model"),
        (lambda folder: (folder / MANIFEST).unlink(), SourceFileError, "manifest.json: is no model manifest"),
        (lambda folder: (folder / MANIFEST).write_text("[]"), SourceFileError, "no JSON object"),
        (cut(MANIFEST, 0.5), SourceFileError, "manifest.json: is no model manifest"),
        (cut(MANIFEST, 0), SourceFileError, "manifest.json: is no model manifest"),
        (lambda folder: (folder / MANIFEST).write_bytes(b"\xff\xfe{"), SourceFileError, "is no model manifest"),
        (lambda folder: (folder / "booster-1.txt").unlink(), SourceFileError, "booster-1.txt: can't be read"),
        (cut("booster-1.txt", 0.5), SourceFileError, "booster-1.txt: is not the model"),
        (cut("booster-0.txt", 0), SourceFileError, "booster-0.txt: is not the model"),
        (cut("booster-0.txt", 0.999), SourceFileError, "cut short or changed"),
        (cut("causes.json", 0.5), SourceFileError, "causes.json: is not the model"),
        (cut("causes-trees.txt", 0.5), SourceFileError, "causes-trees.txt: is not the model"),
        (lambda folder: (folder / "causes.json").unlink(), SourceFileError, "causes.json: can't be read"),
        (cut("line.json", 0.5), SourceFileError, "line.json: is not the model"),
        (lambda folder: (folder / "line.json").unlink(), SourceFileError, "line.json: can't be read"),
    ],
)
def test_a_damaged_or_foreign_bundle_is_refused_with_what_is_wrong(
    damage: Callable[[Path], object], error: type[DataError], why: str, saved: Path
) -> None:
    damage(saved)
    with pytest.raises(error) as raised:
        load(saved)
    assert why in raised.value.what
    assert str(saved) in raised.value.what
    assert raised.value.exit_code == 3


def test_every_key_of_the_manifest_is_needed(saved: Path) -> None:
    whole = (saved / MANIFEST).read_text()
    for field in fields(Manifest):
        edited(lambda told, name=field.name: told.pop(name))(saved)  # type: ignore[misc]  # the default binds the loop's value
        with pytest.raises(DataError, match=field.name):
            load(saved)
        (saved / MANIFEST).write_text(whole)


def test_the_features_that_a_model_was_built_for_are_accepted() -> None:
    bundle_of().require(trained().training.catalogue.names)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda names: names[2:], "it needs {0}, {1}, which the catalogue lacks"),
        (lambda names: [*names, "fan__mean__1d"], "the catalogue has fan__mean__1d, which it does not know"),
        (lambda names: names[::-1], "the same features stand in another order"),
        (lambda names: [*names[1:], "x__mean__1d"], "lacks; the catalogue has x__mean__1d"),
        (lambda names: names[:-8], "and 3 more"),
        (lambda _: [], "more, which the catalogue lacks"),
    ],
)
def test_other_features_are_refused_with_the_difference(change: Callable[[list[str]], list[str]], why: str) -> None:
    names = list(trained().training.catalogue.names)
    expected = why.format(*sorted(set(names) - set(change(names))), "", "")
    with pytest.raises(ModelMismatchError) as raised:
        bundle_of().require(change(names))
    assert expected in raised.value.what
    assert "trained until 2021-01-31" in raised.value.what
