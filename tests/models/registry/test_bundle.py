from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from data.errors import DataError, ModelMismatchError, SourceFileError
from data.time_grid import DAY
from features.events.base_rates import FleetRate
from models.causes import trees
from models.causes.blend import Blend
from models.causes.fit import fit_cause_model
from models.hazard.model import Covariates
from models.registry.bundle import FORMAT, MANIFEST, NO_CAUSE_MODEL, Bundle, CauseForecast, Manifest, load, save
from models.registry.pack import pack
from models.setup import CauseCriteria
from tests.models.replays import setup_of, trained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.causes.model import CauseModel
    from models.hazard.train import Trained

CAUSES = {"cause_model", "cause_trees"}
BASE = {"base_strength"}
LAST_IN_DAYS = 3  # the last format whose horizons are days


def bundle_of(metrics: dict[str, float] | None = None) -> Bundle:
    return pack(trained_at_half_strength(), "made up", metrics or {"pr_auc_7d": 0.1}, {"telemetry": 3}, causes())


@cache
def trained_at_half_strength() -> Trained:
    """Let both of the fleet's rates count, though thirty days are too few to learn by how much."""
    fitted = trained().fitted
    return replace(trained(), fitted=replace(fitted, model=replace(fitted.model, base_strength=0.5)))


def written_as(bundle: Bundle, folder: Path, number: int, lacking: set[str]) -> Path:
    """Save a bundle, without the keys that a format did not have yet."""
    save(bundle, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    old = {name: value for name, value in manifest.items() if name not in lacking} | {"format": number}
    if number <= LAST_IN_DAYS:
        old["horizons_days"] = [hours / 24 for hours in old.pop("horizons_hours")]
    (folder / MANIFEST).write_text(json.dumps(old))
    return folder


@cache
def causes() -> CauseModel:
    """Fit to the made-up fleet's few failures, with trees whether or not they help."""
    criteria = CauseCriteria(min_failures=5, min_of_a_cause=2)
    model = fit_cause_model(replace(trained(), setup=replace(setup_of(), causes=criteria)))
    shares = np.full((40, len(model.causes.names)), 1 / len(model.causes.names))
    features, cause = trained().training.features[:40], np.arange(40) % len(model.causes.names)
    return replace(model, booster=trees.fit(features, cause, np.ones(40), shares, 1), blend=Blend(0.9, 0.5))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(bundle_of(), tmp_path / "model")
    return tmp_path / "model"


def test_a_model_that_was_saved_and_read_gives_the_same_probabilities_to_the_last_bit(saved: Path) -> None:
    original, read, training = bundle_of(), load(saved), trained().training
    inputs = training.features, training.fleet_rate
    assert read.manifest == original.manifest
    model = trained_at_half_strength().model
    assert read.probabilities(*inputs).tobytes() == model.probabilities(Covariates(*inputs)).tobytes()
    assert read.contributions(inputs[0]).tobytes() == original.contributions(inputs[0]).tobytes()


def test_a_pooled_model_is_read_back_without_trees(tmp_path: Path) -> None:
    bundle = bundle_of()
    model = replace(bundle.model, boosters=())
    manifest = replace(bundle.manifest, boosters=(), support="low support")
    save(replace(bundle, model=model, manifest=manifest), tmp_path)
    read, training = load(tmp_path), trained().training
    assert read.manifest.support == "low support"
    inputs = training.features, training.fleet_rate
    assert read.probabilities(*inputs).tobytes() == model.probabilities(Covariates(*inputs)).tobytes()


def test_a_model_of_format_1_is_read_as_trees_alone(tmp_path: Path) -> None:
    model = replace(trained().model, linear=None, trees_share=1.0, base_strength=1.0)
    training = trained().training
    lacking = {"line", "trees_share", *CAUSES, *BASE}
    written_as(replace(bundle_of(), model=model), tmp_path, 1, lacking)
    inputs = training.features, training.fleet_rate
    assert load(tmp_path).probabilities(*inputs).tobytes() == model.probabilities(Covariates(*inputs)).tobytes()


@pytest.mark.parametrize(
    ("number", "lacking"), [(1, {"line", "trees_share", *CAUSES, *BASE}), (2, CAUSES | BASE), (3, BASE), (4, BASE)]
)
def test_a_model_of_an_older_format_keeps_its_horizons(number: int, lacking: set[str], tmp_path: Path) -> None:
    manifest = load(written_as(bundle_of(), tmp_path, number, lacking)).manifest
    assert manifest.horizons_hours == (24, 72, 168)
    assert manifest.horizons == trained().model.horizons == (DAY, 3 * DAY, 7 * DAY)


@pytest.mark.parametrize("horizons", [(timedelta(minutes=5), timedelta(hours=1)), (timedelta(hours=7), 3 * DAY)])
def test_horizons_of_minutes_and_hours_are_kept_exactly(horizons: tuple[timedelta, ...], tmp_path: Path) -> None:
    model = replace(trained().model, horizons=(*horizons, 10 * DAY))
    fitted = replace(trained().fitted, model=model)
    save(pack(replace(trained(), fitted=fitted), "made up", {}, {}, causes()), tmp_path)
    assert load(tmp_path).manifest.horizons == load(tmp_path).model.horizons == (*horizons, 10 * DAY)


def test_a_model_of_format_2_is_read_without_causes(tmp_path: Path) -> None:
    read, training = load(written_as(bundle_of(), tmp_path, 2, CAUSES | BASE)), trained().training
    inputs, model = (training.features, training.fleet_rate), replace(trained().model, base_strength=1.0)
    assert read.probabilities(*inputs).tobytes() == model.probabilities(Covariates(*inputs)).tobytes()
    forecasts = read.likely_causes(trained().view, training.rows.take(np.arange(3)), training.features[:3])
    assert forecasts == [CauseForecast("unknown", None, NO_CAUSE_MODEL)] * 3


def test_a_model_of_format_3_starts_from_the_recent_rate_as_it_did(tmp_path: Path) -> None:
    read, training = load(written_as(bundle_of(), tmp_path, 3, BASE)), trained().training
    rate = FleetRate(np.full(len(training.rows), 0.001), np.full(len(training.rows), 0.003))
    expected = replace(trained().model, base_strength=1.0).probabilities(Covariates(training.features, rate))
    assert read.model.base_strength == 1.0
    assert read.probabilities(training.features, rate).tobytes() == expected.tobytes()
    assert bundle_of().probabilities(training.features, rate).tobytes() != expected.tobytes()


def test_a_model_of_causes_that_was_saved_and_read_forecasts_the_same_to_the_last_bit(saved: Path) -> None:
    original, read, training = causes(), load(saved).causes, trained().training
    assert read is not None
    assert replace(read, booster=None) == replace(original, booster=None)
    inputs = trained().view, training.rows, training.features
    assert read.probabilities(*inputs).tobytes() == original.probabilities(*inputs).tobytes()
    assert load(saved).likely_causes(*inputs) == original.forecasts(original.probabilities(*inputs))


def test_no_file_of_a_bundle_is_a_pickle(saved: Path) -> None:
    files = sorted(path.name for path in saved.iterdir())
    assert files == ["booster-0.txt", "booster-1.txt", "causes-trees.txt", "causes.json", "line.json", "manifest.json"]
    for path in saved.iterdir():
        text = path.read_text(encoding="utf-8")  # a pickle is not text
        assert text.startswith("tree\n") or isinstance(json.loads(text), dict)


def test_the_manifest_describes_what_was_trained_and_on_what(saved: Path) -> None:
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
    first, second = (
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (saved, tmp_path / "again")
    )
    assert MANIFEST in first
    assert first == second


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


def cut_to(name: str, share: float) -> Callable[[Path], object]:
    def shorten(folder: Path) -> None:
        text = (folder / name).read_bytes()
        (folder / name).write_bytes(text[: int(share * len(text))])

    return shorten


@pytest.mark.parametrize(
    ("damage", "error", "why"),
    [
        (
            edited(lambda manifest: manifest.update(format=FORMAT + 1)),
            ModelMismatchError,
            f"is of format {FORMAT + 1}, this version reads {FORMAT}",
        ),
        (edited(lambda manifest: manifest.pop("format")), ModelMismatchError, "is of format None"),
        (edited(lambda manifest: manifest.pop("causes")), SourceFileError, "it lacks causes"),
        (edited(lambda manifest: manifest.update(extra=1)), SourceFileError, "it has the unknown extra"),
        (edited(lambda manifest: manifest.update(calibration_scale=[1.0])), SourceFileError, "differ in length"),
        (edited(lambda manifest: manifest.update(sha256=[])), SourceFileError, "no JSON object"),
        (edited(lambda manifest: manifest.pop("sha256")), SourceFileError, "booster-0.txt: is not the model"),
        (lambda folder: (folder / MANIFEST).unlink(), SourceFileError, "manifest.json: is no model manifest"),
        (lambda folder: (folder / MANIFEST).write_text("[]"), SourceFileError, "no JSON object"),
        (cut_to(MANIFEST, 0.5), SourceFileError, "manifest.json: is no model manifest"),
        (cut_to(MANIFEST, 0), SourceFileError, "manifest.json: is no model manifest"),
        (lambda folder: (folder / MANIFEST).write_bytes(b"\xff\xfe{"), SourceFileError, "is no model manifest"),
        (lambda folder: (folder / "booster-1.txt").unlink(), SourceFileError, "booster-1.txt: can't be read"),
        (cut_to("booster-1.txt", 0.5), SourceFileError, "booster-1.txt: is not the model"),
        (cut_to("booster-0.txt", 0), SourceFileError, "booster-0.txt: is not the model"),
        (cut_to("booster-0.txt", 0.999), SourceFileError, "cut short or changed"),
        (cut_to("causes.json", 0.5), SourceFileError, "causes.json: is not the model"),
        (cut_to("causes-trees.txt", 0.5), SourceFileError, "causes-trees.txt: is not the model"),
        (lambda folder: (folder / "causes.json").unlink(), SourceFileError, "causes.json: can't be read"),
        (cut_to("line.json", 0.5), SourceFileError, "line.json: is not the model"),
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
    manifest = json.loads((saved / MANIFEST).read_text())
    assert set(manifest) == {field.name for field in fields(Manifest)} | {"sha256"}
    for field in fields(Manifest):
        without = {name: value for name, value in manifest.items() if name != field.name}
        (saved / MANIFEST).write_text(json.dumps(without))
        with pytest.raises(DataError, match=field.name):
            load(saved)


def test_the_features_that_a_model_was_built_for_are_accepted() -> None:
    bundle_of().require_features(trained().training.catalogue.names)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda names: names[2:], "it needs {0}, {1}, which the catalogue lacks"),
        (lambda names: [*names, "fan__mean__1d"], "the catalogue has fan__mean__1d, which it does not know"),
        (lambda names: names[::-1], "the same features in another order"),
        (lambda names: [*names[1:], "x__mean__1d"], "lacks; the catalogue has x__mean__1d"),
        (lambda names: names[:-8], "and 3 more"),
        (lambda _: [], "more, which the catalogue lacks"),
    ],
)
def test_other_features_are_refused_with_the_difference(change: Callable[[list[str]], list[str]], why: str) -> None:
    names = list(trained().training.catalogue.names)
    expected = why.format(*sorted(set(names) - set(change(names))), "", "")
    with pytest.raises(ModelMismatchError) as raised:
        bundle_of().require_features(change(names))
    assert expected in raised.value.what
    assert "trained until 2021-01-31" in raised.value.what
