"""Every key of the settings has an effect: it changes an object built from them, or a named module reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import pytest

from data.errors import SettingsError
from data.maintenance.retention import Retention
from data.readers.csv_values import Dialect
from data.schema import Metric
from data.sources.csv_folder import CsvSource
from data.sources.parquet_folder import ParquetSource
from data.sources.public.backblaze import BackblazeSource
from data.validation.node_names import SpellingRules
from features.population.at_risk import Coverage
from features.training.training_set import Design
from models.registry.mlflow_registry import Registry
from models.setup import CauseCriteria, Params, Recipe, Setup
from pipelines.settings import schema
from pipelines.settings.load import load
from pipelines.settings.schema import Settings
from pipelines.settings.suggestions import ANY_NAME, known_keys
from pipelines.settings.translation import into
from pipelines.wiring import wiring
from pipelines.wiring.ingest_options import ingest_options, named_metrics
from pipelines.wiring.policy_setup import policy_of
from pipelines.wiring.training_setup import evaluation_options, training_setup
from serving.policy.costs import Costs
from serving.policy.limits import Limits
from serving.policy.values import Policy

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import BaseModel

    from pipelines.settings.suggestions import Key

ROOT = Path(schema.__file__).parents[2]
COLUMNS = ("boot_n", "fan", "temperature")
SET = """
forecast = { coverage_metric = "boot_n", history_start = 2020-01-01 }
baselines.rule = ["boot_n", "temperature"]
retention = { telemetry = "9d", buckets = "9d", scores = "9d", quarantine = "9d", decisions = "9d" }
identity = { domains = ["a.org"], aliases = { a = "b" } }
features.history_windows = ["1h", "7d"]
[metrics]
ignore = ["fan"]
columns.temperature = { kind = "gauge", unit = "W", label = "heat", min = 1.0, max = 9.0, idle_below = 2.0 }
[source.columns]
telemetry = { node = "host" }
"""
READERS = {
    "source.kind": "pipelines/wiring/wiring.py",
    "clock.now": "pipelines/wiring/wiring.py",
    "policy.horizon": "pipelines/operations/decide.py",
    "report.days": "pipelines/wiring/as_of.py",
    "schedule.pool": "pipelines/flows/deploy.py",
    "schedule.ingest": "pipelines/flows/deploy.py",
    "schedule.train": "pipelines/flows/deploy.py",
    "schedule.score": "pipelines/flows/deploy.py",
    "schedule.decide": "pipelines/flows/deploy.py",
    "schedule.report": "pipelines/flows/deploy.py",
    "schedule.maintain": "pipelines/flows/deploy.py",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a value for keys that are empty by default and whose type does not define their values."""
    path = tmp_path_factory.mktemp("reach") / "nodeward.toml"
    path.write_text(SET)
    return load(path, (f"state.path={path.parent / 'var'}",), {})


def leaf_keys() -> list[Key]:
    keys = list(known_keys(Settings))
    tables = {key[:-1] for key in keys} | {key[:-2] for key in keys if ANY_NAME in key}
    return [key for key in keys if key not in tables]


def other(value: object) -> object:
    """Return another value of the same type; for None, that is a text."""
    match value:
        case Enum():
            changed: object = next(member for member in type(value) if member is not value)
        case bool():
            changed = not value
        case int() | float() | timedelta():
            changed = 2 * value or 1
        case date():
            changed = value + timedelta(days=1)
        case tuple():
            changed = value[:-1]
        case dict():
            changed = {**value, "x": "y"}
        case Path():
            changed = value / "x"
        case _:
            changed = f"{value}x"
    return changed


def with_other(table: Any, key: Key) -> Any:  # noqa: ANN401  - a table of any section
    """Return a table of settings with another value for one key, unchecked."""
    name, *rest = key
    if isinstance(table, dict):
        (name,) = table
        return {name: with_other(table[name], tuple(rest))}
    value = getattr(table, name)
    return table.model_copy(update={name: with_other(value, tuple(rest)) if rest else other(value)})


def built(settings: Settings) -> list[object]:
    """Return everything that is built from settings, or why it is refused."""
    metrics, source = settings.metrics, settings.source
    kinds = ("parquet", "csv", "backblaze")
    try:
        return [
            training_setup(settings, COLUMNS),
            evaluation_options(settings),
            policy_of(settings.policy),
            ingest_options(settings).spelling,
            named_metrics(settings),
            *(metrics.metric(name) for name in ("temperature", "unlisted")),
            *(
                wiring.source(settings.model_copy(update={"source": source.model_copy(update={"kind": kind})}))
                for kind in kinds
            ),
            into(Retention, settings.retention),
            wiring.store(settings).buckets.width,
            wiring.database_url(settings),
            wiring.windows_folder(settings),
            wiring.registry(settings),
        ]
    except SettingsError as error:
        return [error.what]


@pytest.mark.parametrize("key", leaf_keys(), ids=".".join)
def test_every_key_changes_what_is_built_or_has_a_reader(settings: Settings, key: Key) -> None:
    reader = READERS.get(".".join(key))
    changes = built(with_other(settings, key)) != built(settings)
    if reader is None:
        assert changes
    else:
        assert f"settings.{key[0]}" in (ROOT / reader).read_text()


def test_the_same_settings_build_the_same(settings: Settings) -> None:
    assert built(settings) == built(settings)
    assert len(built(settings)) > 10


def test_every_reader_is_of_a_key() -> None:
    assert set(READERS) <= {".".join(key) for key in leaf_keys()}
    assert len(leaf_keys()) > 90


SOURCES: list[tuple[type[DataclassInstance], tuple[type[BaseModel], ...]]] = [
    (Params, (schema.ModelSettings,)),
    (Recipe, (schema.ForecastSettings, schema.ModelSettings)),
    (Design, (schema.ForecastSettings, schema.ModelSettings)),
    (Setup, (schema.FeatureSettings, schema.BaselineSettings, schema.ModelSettings)),
    (CauseCriteria, (schema.CauseSettings,)),
    (Costs, (schema.PolicySettings,)),
    (Limits, (schema.LimitSettings,)),
    (Policy, (schema.PolicySettings,)),
    (SpellingRules, (schema.IdentitySettings,)),
    (Dialect, (schema.CsvSettings,)),
    (Retention, (schema.RetentionSettings,)),
    (Metric, (schema.MetricColumn,)),
    (BackblazeSource, (schema.SourceSettings, schema.BackblazeSettings)),
    (CsvSource, (schema.SourceSettings,)),
    (ParquetSource, (schema.SourceSettings,)),
    (Registry, (schema.TrackingSettings,)),
]
CONVERTED = {"Metric.kind", "Metric.sampling", "Policy.limits", "CsvSource.columns", "ParquetSource.columns"}
TYPING_ONLY = {type_.__name__: type_ for type_ in (Costs, Coverage, Design, Limits, Metric, Path, datetime, timedelta)}


def is_accepted(value: object, field: object) -> bool:
    """Return whether a field of one type takes a value of another."""
    if isinstance(value, UnionType) or get_origin(value) is Union:
        return all(is_accepted(member, field) for member in get_args(value))
    if isinstance(field, UnionType) or get_origin(field) is Union:
        return any(is_accepted(value, member) for member in get_args(field))
    if get_origin(field) is Mapping:
        return get_args(value) == get_args(field)
    return value == field or (value, field) == (int, float)


@pytest.mark.parametrize(("target", "sections"), SOURCES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_field_has_the_type_of_its_key(
    target: type[DataclassInstance], sections: tuple[type[BaseModel], ...]
) -> None:
    hints = get_type_hints(target, localns={**TYPING_ONLY, "Mapping": Mapping})
    keys = {name: hint for section in sections for name, hint in get_type_hints(section).items() if name in hints}
    shared = [name for name in keys if f"{target.__name__}.{name}" not in CONVERTED]
    assert shared
    assert [name for name in shared if not is_accepted(keys[name], hints[name])] == []
