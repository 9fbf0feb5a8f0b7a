"""The only place that chooses implementations: everything else gets them as arguments."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from data.delta.store import Store
from data.errors import EmptyTableError, SettingsError
from data.sql.engine import parse_address
from data.sql.records import Records
from models.registry.reader import ModelReader
from pipelines.settings.environment import set_default_variables
from pipelines.settings.layers import DATABASE
from pipelines.settings.translation import into
from serving.actuators.dry_run import DryRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

    from data.readers.csv_values import Dialect
    from data.sources.base import Source
    from models.registry.bundle import Bundle
    from models.registry.mlflow_registry import Registry
    from models.registry.runs import TrainingRun
    from pipelines.settings.schema import CsvSettings, Settings
    from serving.actuators.base import Actuator

TABLES: Final = "tables"
WINDOWS: Final = "windows"
TRACKING: Final = "mlflow.db"
ARTIFACTS: Final = "mlflow"
DRY_RUN: Final = "dry_run.jsonl"


def state_folder(settings: Settings) -> Path:
    """Return the state folder; create it if it does not exist.

    Raises:
        SettingsError: if state.path, or a folder above it, is a file.
    """
    folder = settings.state.path
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise SettingsError(f"state.path = {folder}: is a file, or is below one", fix="name a folder") from None
    return folder


def source(settings: Settings) -> Source:
    """Return the source that the settings name; its rows carry the fleet's name, whichever folder they came from.

    Raises:
        SettingsError: if CSV files have times without an offset and no zone is set.
    """
    section, ignored, label = settings.source, settings.metrics.ignore, settings.fleet.name
    if section.kind == "backblaze":
        from data.sources.public.backblaze import BackblazeSource  # noqa: PLC0415 - only the chosen source is loaded

        return into(BackblazeSource, section, section.backblaze, ignored=ignored, label=label)
    columns = section.columns.mapping()
    if section.kind == "csv":
        from data.sources.csv_folder import CsvSource  # noqa: PLC0415 - as above

        dialect = _dialect(section.csv)
        return into(CsvSource, section, columns=columns, ignored=ignored, label=label, dialect=dialect)
    from data.sources.parquet_folder import ParquetSource  # noqa: PLC0415 - as above

    return into(ParquetSource, section, columns=columns, ignored=ignored, label=label)


def store(settings: Settings) -> Store:
    """Return the Delta tables in the state folder."""
    return Store.open(settings.state.path / TABLES, settings.buckets.width)


def windows_folder(settings: Settings) -> Path:
    """Return the folder in which scores store their windows; next to the tables, so that backups leave it out."""
    return settings.state.path / TABLES / WINDOWS


@contextmanager
def records(settings: Settings) -> Iterator[Records]:
    """Open the database for the block."""
    state_folder(settings)
    database = Records.open(database_url(settings))
    try:
        yield database
    finally:
        database.close()


def actuator(settings: Settings) -> Actuator:
    """Return what carries out drains: so far only a dry run, which records them in the state folder."""
    return DryRun(state_folder(settings) / DRY_RUN)


def has_records(settings: Settings) -> bool:
    """Return whether there is a database to open; one on a server is assumed to exist."""
    return bool(settings.state.url) or (settings.state.path / DATABASE).exists()


def wall_clock() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


def clock(settings: Settings, records: Records) -> Callable[[], datetime]:
    """Return what gives the current time: the wall clock, or for historical records the newest time in them.

    Raises:
        EmptyTableError: if the clock is the data's and nothing was ingested yet.
    """
    if settings.clock.now == "wall":
        return wall_clock
    newest: datetime | None = records.nodes().select(pl.col("as_of").max()).item()
    if newest is None:
        raise EmptyTableError("the state", "holds no records yet", fix="run `nodeward ingest` first")
    return lambda: newest


def database_url(settings: Settings) -> str:
    """Return the URL of the configured database, or that of the SQLite file in the state folder."""
    return settings.state.url or f"sqlite:///{(settings.state.path / DATABASE).absolute()}"


def tracking_uri(settings: Settings) -> str:
    """Return the address of the configured MLflow server, or that of the SQLite file in the state folder."""
    uri = settings.tracking.uri
    if uri.startswith(("postgres:", "postgresql:")):  # without a named driver, MLflow takes one that is not installed
        return parse_address(uri, "tracking.uri").render_as_string(hide_password=False)
    return uri or f"sqlite:///{(settings.state.path / TRACKING).absolute()}"


def has_models(settings: Settings) -> bool:
    """Return whether models may have been registered; a configured server is assumed to exist."""
    return bool(settings.tracking.uri) or (settings.state.path / TRACKING).exists()


def registry(settings: Settings) -> Registry:
    """Return the registry of the fleet's models: on the configured MLflow server, or in the state folder."""
    set_default_variables({"MLFLOW_DISABLE_TELEMETRY": "true"})  # or its import writes an id into the home folder
    from models.registry.mlflow_registry import Registry  # noqa: PLC0415 - MLflow takes seconds to import

    return into(Registry, settings.tracking, uri=tracking_uri(settings), artifacts=_artifacts(settings))


def models(settings: Settings) -> ModelReader:
    """Return a reader of the registered models; it does without MLflow where the store is a local file."""
    return into(
        ModelReader,
        settings.tracking,
        uri=tracking_uri(settings),
        artifacts=_artifacts(settings),
        open_registry=partial(registry, settings),
    )


def _artifacts(settings: Settings) -> str:
    return (state_folder(settings) / ARTIFACTS).absolute().as_uri()


def training_run(bundle: Bundle, figures: Mapping[str, Figure]) -> TrainingRun:
    """Return what the registry stores of a training run."""
    from models.registry.runs import TrainingRun  # noqa: PLC0415 - as above: LightGBM

    return TrainingRun.of(bundle, figures)


def _dialect(csv: CsvSettings) -> Dialect:
    if "%" in csv.time and "%z" not in csv.time and not csv.zone:
        raise SettingsError(
            f'source.csv.time = "{csv.time}": has no offset (%z), so its times have no meaning without a zone',
            fix='set source.csv.zone, for example to "UTC"',
        )
    from data.readers.csv_values import Dialect  # noqa: PLC0415 - as above

    return into(Dialect, csv)
