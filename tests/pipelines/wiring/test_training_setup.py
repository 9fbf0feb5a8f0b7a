from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from data.errors import SettingsError
from data.schema import Metric, MetricKind
from data.time_grid import HOUR
from features.population.at_risk import Coverage
from pipelines.wiring import wiring
from pipelines.wiring.training_setup import hindsight_view, training_setup
from tests.pipelines.made_up import DAY, NODES, START, ingest_all, merge_all, settings_of, write_records

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ("temperature", "boot_n")


def test_every_setting_of_the_model_reaches_training(tmp_path: Path) -> None:
    values = {
        "trees": 11,
        "leaves": 3,
        "learning_rate": 0.3,
        "min_child": 7,
        "feature_share": 0.4,
        "row_share": 0.6,
        "l2": 2.5,
        "seeds": 4,
        "random_seed": 9,
    }
    overrides = [f"model.{name}={value}" for name, value in values.items()]
    setup = training_setup(settings_of(tmp_path, *overrides, "model.folds=5", "model.min_failures=6"), COLUMNS)
    params = setup.recipe.params
    assert {name: getattr(params, name) for name in values} == values
    assert (setup.recipe.folds, setup.min_failures) == (5, 6)


def test_every_setting_of_the_forecast_reaches_training(tmp_path: Path) -> None:
    setup = training_setup(
        settings_of(
            tmp_path,
            'forecast.horizons=["2h","12h","9d"]',
            "forecast.every=2h",
            "forecast.repeat=30m",
            "policy.horizon=12h",
            "forecast.coverage_metric=boot_n",
            "forecast.coverage_share=0.8",
            "forecast.history_start=2024-01-03",
            "model.negatives_per_positive=12.5",
            'features.windows=["1d","5d"]',
        ),
        COLUMNS,
    )
    assert setup.design.horizons == (2 * HOUR, 12 * HOUR, 9 * DAY)
    assert (setup.design.every, setup.recipe.every) == (2 * HOUR, 2 * HOUR)
    assert setup.design.repeats == (HOUR / 2,) * 3
    assert setup.design.coverage == Coverage("boot_n", 0.8)
    assert setup.design.negatives_per_positive == 12.5
    assert setup.history_start == datetime(2024, 1, 3, tzinfo=UTC)
    assert setup.windows == (DAY, timedelta(days=5))


def test_metrics_are_in_alphabetical_order_without_ignored_ones(tmp_path: Path) -> None:
    setup = training_setup(
        settings_of(tmp_path, 'metrics.ignore=["fan"]', 'metrics.columns.boot_n={kind="count",unit="samples"}'),
        ("temperature", "fan", "boot_n"),
    )
    assert setup.metrics == (Metric("boot_n", MetricKind.COUNT, unit="samples"), Metric("temperature"))


def test_without_a_coverage_metric_every_node_counts_as_reporting(tmp_path: Path) -> None:
    assert training_setup(settings_of(tmp_path), COLUMNS).design.coverage is None


@pytest.mark.parametrize(
    ("override", "columns", "why"),
    [
        (
            "forecast.coverage_metric=n",
            COLUMNS,
            "forecast.coverage_metric names 'n', which telemetry does not have; it has boot_n, temp",
        ),
        ('baselines.rule=["boot_n","ecc"]', COLUMNS, "baselines.rule names 'ecc'"),
        ("forecast.coverage_metric=n", (), "it has no metric"),
        ('baselines.rule=["fan"]', ("fan",), "baselines.rule names 'fan'"),
    ],
)
def test_a_metric_that_telemetry_lacks_is_refused(
    tmp_path: Path, override: str, columns: tuple[str, ...], why: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        training_setup(settings_of(tmp_path, override, 'metrics.ignore=["fan"]'), columns)
    assert why in raised.value.what


def test_the_hindsight_view_holds_everything_that_was_ingested(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    with wiring.records(settings) as records:
        view = hindsight_view(wiring.store(settings), records)
    assert view.at.year == 9999
    assert tuple(view.nodes()["node"]) == NODES
    assert view.events().height == 2
    assert view.blind().height == 1
    table = view.buckets(["temperature__last"])
    assert table.height == 30
    assert view.narrow(START + 4 * DAY).buckets([]).height == 12


def test_a_fleet_without_telemetry_has_no_buckets(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    write_records(settings.source.path)
    (settings.source.path / "telemetry.parquet").unlink()
    merge_all(settings)
    with wiring.records(settings) as records:
        view = hindsight_view(wiring.store(settings), records)
    assert (view.nodes().height, view.buckets([]).height) == (3, 0)
