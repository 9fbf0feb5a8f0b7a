from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from data.schema import AGGREGATES, bucket_column
from data.time_grid import DAY, HOUR
from data.view import RecordFrames, hindsight
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.catalogue.history_windows import HistoryWindows
from features.feature import window_in
from models.registry.bundle import Manifest
from pipelines.settings.schema import FeatureSettings, MetricSettings, Settings
from pipelines.wiring.model_features import MissingMetricReader, model_features

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUTE = timedelta(minutes=1)
NOW = datetime(2024, 3, 1, tzinfo=UTC)
ON_CHANGE = {"kind": "counter", "sampling": "on_change"}
COLUMNS = {"errors": {"kind": "counter"}, "retries": ON_CHANGE, "sectors": ON_CHANGE, "load": {"idle_below": 2.5}}
SETTINGS = Settings(metrics=MetricSettings.model_validate({"columns": COLUMNS}))


def manifest_of(*metrics: str, settings: Settings = SETTINGS, causes: tuple[str, ...] = ("fan", "gpu")) -> Manifest:
    """Return the manifest of a model that was trained on some metrics."""
    described = tuple(settings.metrics.metric(name) for name in sorted(metrics))
    history = HistoryWindows.of(settings.features.history_windows, (DAY,))
    plan = FleetCapabilities(described, settings.features.windows, True, False, causes, history)  # noqa: FBT003
    return Manifest(
        format=1, fleet="x", trained_until="2024-01-01", features=build(plan).names, has_racks=True,
        has_hardware=False, causes=causes, horizons_hours=(24.0,), boosters=(), calibration_offset=(0.0,),
        calibration_scale=(1.0,), support="ok", failures=9, metrics={}, tables={}, params={},
    )  # fmt: skip


class FakeReader:
    """Buckets of one node, with the given number of samples of every metric."""

    def __init__(self, samples: int = 1) -> None:
        self.samples = samples

    def read(self, columns: Sequence[str], until: datetime, start: datetime | None = None) -> pl.DataFrame:
        del start
        keys = pl.DataFrame({"node": ["a"], "bucket_end": [until], "lateness": [0]})
        return keys.with_columns(pl.lit(self.samples, pl.UInt32).alias(name) for name in columns)


def test_the_same_metrics_give_the_models_catalogue() -> None:
    manifest = manifest_of("errors", "temperature")
    features = model_features(SETTINGS, ["temperature", "errors"], manifest)
    assert features.catalogue.names == manifest.features
    assert (features.missing, features.new) == ((), ())


def test_a_feature_of_all_counters_together_is_not_taken_for_a_metric() -> None:
    manifest = manifest_of("retries", "sectors")
    assert "counters__above_zero__ever" in manifest.features
    features = model_features(SETTINGS, ["retries", "sectors"], manifest)
    assert features.catalogue.names == manifest.features
    assert (features.missing, features.new) == ((), ())


def test_a_name_that_ends_in_an_underscore_is_split_from_its_statistics() -> None:
    manifest = manifest_of("cpu_")
    features = model_features(SETTINGS, ["cpu_"], manifest)
    assert features.catalogue.names == manifest.features
    assert (features.missing, features.new) == ((), ())
    assert MissingMetricReader(FakeReader(), frozenset({"cpu_"})).read(["cpu___n"], NOW)["cpu___n"].to_list() == [0]


@pytest.mark.parametrize("below", [{}, {"idle_below": 9.0}])
def test_a_node_is_idle_below_what_the_model_learned_until_the_next_training(below: dict[str, float]) -> None:
    manifest = manifest_of("load")
    today = SETTINGS.model_copy(
        update={"metrics": MetricSettings.model_validate({"columns": {**COLUMNS, "load": below}})}
    )
    features = model_features(today, ["load"], manifest)
    assert "load__idle_share_below_2.5__7d" in features.catalogue.names
    assert features.catalogue.names == manifest.features


@pytest.mark.parametrize(
    "metrics",
    [
        ("errors", "retries", "sectors", "load", "temperature", "boot", "hours", "ran", "seen"),
        ("boot",),
        ("hours",),
        ("ran",),
        ("boot", "hours"),
        (),
    ],
)
@pytest.mark.parametrize(
    ("windows", "history_windows"),
    [
        ((DAY, 7 * DAY, 30 * DAY), ()),
        ((5 * MINUTE, HOUR, 6 * HOUR), (5 * MINUTE, HOUR, 90 * MINUTE, 60 * DAY)),
        ((90 * MINUTE, DAY), (HOUR,)),
    ],
)
def test_a_model_keeps_its_windows_when_the_settings_have_others(
    metrics: tuple[str, ...], windows: tuple[timedelta, ...], history_windows: tuple[timedelta, ...]
) -> None:
    kinds = {"boot": {"kind": "boot_time"}, "hours": {"kind": "age"}, "ran": {"kind": "age", "sampling": "on_change"}}
    columns = MetricSettings.model_validate({"columns": {**COLUMNS, **kinds, "seen": {"kind": "count"}}})
    trained = Settings(metrics=columns, features=FeatureSettings(windows=windows, history_windows=history_windows))
    manifest = manifest_of(*metrics, settings=trained)
    for today in (trained, Settings(metrics=columns, features=FeatureSettings(windows=(2 * DAY, 9 * DAY)))):
        features = model_features(today, metrics, manifest)
        assert features.catalogue.names == manifest.features
        assert {metric.name for metric in features.metrics} == set(metrics)
        assert [feature.window for feature in features.catalogue.features] == list(map(window_in, manifest.features))


def test_metrics_that_came_and_went_leave_the_models_catalogue_as_it_was() -> None:
    manifest = manifest_of("errors", "temperature")
    features = model_features(SETTINGS, ["temperature", "fan"], manifest)
    assert features.catalogue.names == manifest.features
    assert (features.missing, features.new) == (("errors",), ("fan",))


def test_an_ignored_metric_is_missing_to_a_model_that_knows_it_and_not_new_to_one_that_does_not() -> None:
    ignoring = SETTINGS.model_copy(
        update={"metrics": MetricSettings(ignore=("errors",), columns=SETTINGS.metrics.columns)}
    )
    stored = ["errors", "temperature"]
    assert model_features(ignoring, stored, manifest_of("errors", "temperature")).missing == ("errors",)
    assert model_features(ignoring, stored, manifest_of("temperature")).new == ()


def test_a_model_without_metrics_has_only_history() -> None:
    features = model_features(SETTINGS, [], manifest_of())
    assert (features.metrics, features.missing, features.new) == ((), (), ())
    assert features.catalogue.names == manifest_of().features


def test_a_metric_of_another_kind_than_in_training_gives_another_catalogue() -> None:
    manifest = manifest_of("errors")
    assert model_features(Settings(), ["errors"], manifest).catalogue.names != manifest.features


def test_missing_metrics_read_as_if_no_node_had_reported_them() -> None:
    columns = [bucket_column(metric, name) for metric in ("temp", "fan") for name in AGGREGATES]
    read = MissingMetricReader(FakeReader(), frozenset({"fan"})).read(columns, NOW)
    assert set(columns) < set(read.columns)
    assert read["fan__n"].to_list() == [0]
    values = [bucket_column("fan", name) for name in AGGREGATES if name != "n"]
    assert len(values) > 5
    assert read.select(values).row(0) == (None,) * len(values)
    assert read["temp__mean"].to_list() == [1]
    assert read.schema["fan__n"] == pl.UInt32


def test_metrics_that_came_went_or_fell_silent_are_reported() -> None:
    manifest = manifest_of("errors", "temperature")
    features = model_features(SETTINGS, ["fan", "temperature"], manifest)
    view = hindsight(
        RecordFrames(*(pl.DataFrame(),) * 3),
        timedelta(days=1),
        MissingMetricReader(FakeReader(samples=0), features.missing),
    )
    assert list(features.notices(replace(view, at=NOW), manifest)) == [
        "fan is not used: the model was trained until 2024-01-01, without it; train again to use it",
        "errors is empty: the model was trained until 2024-01-01, with it, and telemetry no longer has it",
        "temperature is empty: no node reported it in the last 30 days",
    ]
    reporting = hindsight(RecordFrames(*(pl.DataFrame(),) * 3), timedelta(days=1), FakeReader())
    same = model_features(SETTINGS, ["errors", "temperature"], manifest)
    assert list(same.notices(replace(reporting, at=NOW), manifest)) == []
