from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from data.schema import AGGREGATES, bucket_column
from data.view import RecordFrames, hindsight
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from models.registry.bundle import Manifest
from pipelines.settings.schema import MetricSettings, Settings
from pipelines.wiring.model_features import MissingMetricReader, offer

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2024, 3, 1, tzinfo=UTC)
ON_CHANGE = {"kind": "counter", "sampling": "on_change"}
COLUMNS = {"errors": {"kind": "counter"}, "retries": ON_CHANGE, "sectors": ON_CHANGE, "load": {"idle_below": 2.5}}
SETTINGS = Settings(metrics=MetricSettings.model_validate({"columns": COLUMNS}))


def manifest_of(*metrics: str, causes: tuple[str, ...] = ("fan", "gpu")) -> Manifest:
    """What a model would say of itself that was trained on some metrics."""
    described = tuple(SETTINGS.metrics.metric(name) for name in sorted(metrics))
    plan = FleetCapabilities(described, SETTINGS.features.windows, has_racks=True, has_hardware=False, causes=causes)
    return Manifest(
        format=1, fleet="x", trained_until="2024-01-01", features=build(plan).names, has_racks=True,
        has_hardware=False, causes=causes, horizons_days=(1.0,), boosters=(), calibration_offset=(0.0,),
        calibration_scale=(1.0,), support="ok", failures=9, metrics={}, tables={}, params={},
    )  # fmt: skip


class Reader:
    """Buckets of one node and one metric, which has as many samples as it is told."""

    def __init__(self, samples: int = 1) -> None:
        self.samples = samples

    def read(self, columns: Sequence[str], until: datetime, start: datetime | None = None) -> pl.DataFrame:
        del start
        keys = pl.DataFrame({"node": ["a"], "bucket_end": [until], "lateness": [0]})
        return keys.with_columns(pl.lit(self.samples, pl.UInt32).alias(name) for name in columns)


def test_the_same_metrics_offer_the_models_own_catalogue() -> None:
    manifest = manifest_of("errors", "temperature")
    found = offer(SETTINGS, ["temperature", "errors"], manifest)
    assert found.catalogue.names == manifest.features
    assert (found.lost, found.new) == ((), ())


def test_what_counters_tell_together_is_no_metric_of_its_own() -> None:
    manifest = manifest_of("retries", "sectors")
    assert "counters__above_zero__ever" in manifest.features
    found = offer(SETTINGS, ["retries", "sectors"], manifest)
    assert found.catalogue.names == manifest.features
    assert (found.lost, found.new) == ((), ())


def test_a_name_that_ends_in_an_underscore_is_told_from_its_statistics() -> None:
    manifest = manifest_of("cpu_")
    found = offer(SETTINGS, ["cpu_"], manifest)
    assert found.catalogue.names == manifest.features
    assert (found.lost, found.new) == ((), ())
    assert MissingMetricReader(Reader(), frozenset({"cpu_"})).read(["cpu___n"], NOW)["cpu___n"].to_list() == [0]


@pytest.mark.parametrize("below", [{}, {"idle_below": 9.0}])
def test_a_node_is_idle_below_what_the_model_learned_until_the_next_training(below: dict[str, float]) -> None:
    manifest = manifest_of("load")
    now = SETTINGS.model_copy(
        update={"metrics": MetricSettings.model_validate({"columns": {**COLUMNS, "load": below}})}
    )
    found = offer(now, ["load"], manifest)
    assert "load__idle_share_below_2.5__7d" in found.catalogue.names
    assert found.catalogue.names == manifest.features


def test_metrics_that_came_and_went_leave_the_models_catalogue_as_it_was() -> None:
    manifest = manifest_of("errors", "temperature")
    found = offer(SETTINGS, ["temperature", "fan"], manifest)
    assert found.catalogue.names == manifest.features
    assert (found.lost, found.new) == (("errors",), ("fan",))


def test_a_metric_that_is_ignored_is_lost_to_a_model_that_knows_it_and_not_new_to_one_that_does_not() -> None:
    ignoring = SETTINGS.model_copy(
        update={"metrics": MetricSettings(ignore=("errors",), columns=SETTINGS.metrics.columns)}
    )
    assert offer(ignoring, ["errors", "temperature"], manifest_of("errors", "temperature")).lost == ("errors",)
    assert offer(ignoring, ["errors", "temperature"], manifest_of("temperature")).new == ()


def test_a_model_without_metrics_has_only_history() -> None:
    found = offer(SETTINGS, [], manifest_of())
    assert (found.metrics, found.lost, found.new) == ((), (), ())
    assert found.catalogue.names == manifest_of().features


def test_a_metric_of_another_kind_than_the_model_knew_makes_another_catalogue() -> None:
    manifest = manifest_of("errors")
    assert offer(Settings(), ["errors"], manifest).catalogue.names != manifest.features


def test_lost_metrics_read_as_if_nobody_had_reported_them() -> None:
    columns = [bucket_column(metric, name) for metric in ("temp", "fan") for name in AGGREGATES]
    read = MissingMetricReader(Reader(), frozenset({"fan"})).read(columns, NOW)
    assert set(columns) < set(read.columns)
    assert read["fan__n"].to_list() == [0]
    assert all(read[bucket_column("fan", name)].to_list() == [None] for name in AGGREGATES if name != "n")
    assert read["temp__mean"].to_list() == [1]
    assert read.schema["fan__n"] == pl.UInt32


def test_what_came_went_or_fell_silent_is_told() -> None:
    manifest = manifest_of("errors", "temperature")
    found = offer(SETTINGS, ["fan", "temperature"], manifest)
    view = hindsight(
        RecordFrames(*(pl.DataFrame(),) * 3), timedelta(days=1), MissingMetricReader(Reader(samples=0), found.lost)
    )
    assert list(found.notices(replace(view, at=NOW), manifest)) == [
        "fan is not used: the model was trained until 2024-01-01, without it; train again to use it",
        "errors is empty: the model was trained until 2024-01-01, with it, and telemetry has it no more",
        "temperature is empty: no node reported it in the last 30 days",
    ]
    reporting = hindsight(RecordFrames(*(pl.DataFrame(),) * 3), timedelta(days=1), Reader())
    same = offer(SETTINGS, ["errors", "temperature"], manifest)
    assert list(same.notices(replace(reporting, at=NOW), manifest)) == []
