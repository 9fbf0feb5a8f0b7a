from itertools import islice
from pathlib import Path

import polars as pl
import pytest

from data.schema import TELEMETRY_KEYS, MetricKind
from pipelines.settings.load import load
from pipelines.settings.schema import Settings
from pipelines.wiring import wiring

ROOT = Path(__file__).parents[2]
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
    assert all(metric.unit for metric in settings.metrics.columns.values())
    assert {settings.forecast.coverage_metric} - {""} <= set(settings.metrics.columns)
    assert set(settings.baselines.rule) <= set(settings.metrics.columns)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_maps_columns_that_its_records_have(path: Path) -> None:
    settings = load(path, (), {})
    for table, names in settings.source.columns.mapping().items():
        assert set(names.values()) <= columns(settings, table)


def test_examples_keep_to_the_protocol() -> None:
    asked = {path.stem: load(path, (), {}).forecast for path in EXAMPLES}
    assert {name: (forecast.horizons_days, forecast.every_days) for name, forecast in asked.items()} == {
        "backblaze": ((30,), 7),
        "backblaze_csv": ((30,), 7),
        "lanl": ((1, 7), 1),
        "m100": ((1, 3, 7, 14), 1),
    }
    assert all(load(path, (), {}).clock.now == "data" for path in EXAMPLES)


def test_backblazes_own_files_are_read_as_the_change_records_are() -> None:
    changes, files = example("backblaze").model_dump(), example("backblaze_csv").model_dump()
    assert {key for key in changes if changes[key] != files[key]} == {"source", "state"}


def test_counts_of_samples_are_known_as_such() -> None:
    kinds = {name: column.kind for name, column in example("m100").metrics.columns.items()}
    assert {name for name, kind in kinds.items() if kind is MetricKind.COUNT} == {
        name for name in kinds if name.endswith("_n")
    }


def test_what_can_fall_is_no_counter() -> None:
    drives = example("backblaze").metrics
    assert drives.metric("smart_5_raw").kind is MetricKind.COUNTER
    assert drives.metric("smart_197_raw").kind is MetricKind.GAUGE
    assert drives.metric("power_on_hours").kind is MetricKind.AGE
    assert {drives.metric(name).sampling for name in drives.columns} == {"on_change"}
