from itertools import islice
from pathlib import Path

import polars as pl
import pytest

from data.schema import TELEMETRY_KEYS, MetricKind
from data.time_grid import DAY, HOUR
from pipelines.settings.load import load
from pipelines.settings.schema import Settings
from pipelines.wiring import wiring

ROOT = Path(__file__).parents[2]
REQUIRED = {"events": ("node", "start", "end", "kind"), "nodes": ("node", "observed_from")}
HOURS = (HOUR, 6 * HOUR, DAY)
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))


def example(name: str) -> Settings:
    return load(ROOT / "examples" / f"{name}.toml", (), {})


def columns(settings: Settings, table: str) -> set[str]:
    path = ROOT / settings.source.path / f"{table}.parquet"
    return set(pl.read_parquet_schema(path)) if path.exists() else set()


def metrics(settings: Settings) -> set[str]:
    origin = settings.source.model_copy(update={"path": ROOT / settings.source.path})
    source = wiring.source(settings.model_copy(update={"source": origin}))
    return {name for batch in islice(source.telemetry(), 1) for name in batch.columns} - set(TELEMETRY_KEYS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_describes_every_metric_of_its_records_and_no_other(path: Path) -> None:
    settings = load(path, (), {})
    assert set(settings.metrics.columns) == metrics(settings)
    assert [name for name, metric in settings.metrics.columns.items() if not metric.unit] == []
    assert {settings.forecast.coverage_metric} - {""} <= set(settings.metrics.columns)
    assert set(settings.baselines.rule) <= set(settings.metrics.columns)


@pytest.mark.parametrize("name", ["backblaze", "lanl", "m100"])
def test_an_example_maps_to_columns_that_its_records_have(name: str) -> None:
    settings = example(name)
    missing = {}
    for table, names in settings.source.columns.mapping().items():
        sources_names = {names.get(column, column) for column in REQUIRED.get(table, ())} | set(names.values())
        missing[table] = sources_names - columns(settings, table)
    assert missing == {"telemetry": set(), "events": set(), "nodes": set(), "blind": set()}


def test_examples_keep_to_the_protocol() -> None:
    examples = {path.stem: load(path, (), {}) for path in EXAMPLES}
    forecasts = {name: settings.forecast for name, settings in examples.items()}
    assert {name: (forecast.horizons, forecast.every) for name, forecast in forecasts.items()} == {
        "asd": (HOURS, HOUR),
        "backblaze": ((30 * DAY,), 7 * DAY),
        "backblaze_csv": ((30 * DAY,), 7 * DAY),
        "lanl": ((DAY, 7 * DAY), DAY),
        "lanl_hourly": (HOURS, HOUR),
        "m100": ((DAY, 3 * DAY, 7 * DAY, 14 * DAY), DAY),
    }
    assert {name: forecast.alarm_rates for name, forecast in forecasts.items()} == {
        "asd": (0.05, 0.1, 0.2),
        "backblaze": (0.0002, 0.0005, 0.001),
        "backblaze_csv": (0.0002, 0.0005, 0.001),
        "lanl": (0.0025, 0.005, 0.01),
        "lanl_hourly": (0.0025, 0.005, 0.01),
        "m100": (0.0025, 0.005, 0.01),
    }
    assert {settings.clock.now for settings in examples.values()} == {"data"}


def test_backblazes_own_files_have_the_settings_of_the_change_records() -> None:
    changes, files = example("backblaze").model_dump(), example("backblaze_csv").model_dump()
    assert {key for key in changes if changes[key] != files[key]} == {"source", "state"}


def test_counts_of_samples_are_of_kind_count() -> None:
    kinds = {name: column.kind for name, column in example("m100").metrics.columns.items()}
    assert {name for name, kind in kinds.items() if kind is MetricKind.COUNT} == {
        name for name in kinds if name.endswith("_n")
    }


def test_metrics_that_can_fall_are_not_counters() -> None:
    drives = example("backblaze").metrics
    assert drives.metric("smart_5_raw").kind is MetricKind.COUNTER
    assert drives.metric("smart_197_raw").kind is MetricKind.GAUGE
    assert drives.metric("power_on_hours").kind is MetricKind.AGE
    assert {drives.metric(name).sampling for name in drives.columns} == {"on_change"}
