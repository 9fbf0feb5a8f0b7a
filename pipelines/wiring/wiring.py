"""The only place that chooses implementations: everything else is handed what it needs."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from data.delta.store import Store
from data.errors import EmptyTableError, SettingsError
from data.readers.csv_values import Dialect
from data.sources.csv_folder import CsvSource
from data.sources.parquet_folder import ParquetSource
from data.sources.public.backblaze import BackblazeSource
from data.sql.engine import parse_address
from data.sql.records import Records
from pipelines.settings.environment import set_default_variables
from serving.actuators.dry_run import DryRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

    from data.sources.base import Source
    from models.registry.bundle import Bundle
    from models.registry.mlflow_registry import Registry
    from models.registry.runs import TrainingRun
    from pipelines.settings.schema import CsvSettings, Settings
    from serving.actuators.base import Actuator

TABLES: Final = "tables"
WINDOWS: Final = "windows"
DATABASE: Final = "nodeward.db"
TRACKING: Final = "mlflow.db"
ARTIFACTS: Final = "mlflow"
DRY_RUN: Final = "dry_run.jsonl"


def state_folder(settings: Settings) -> Path:
    """Make the state folder if it is not there.

    Raises:
        SettingsError: if state.path, or a folder above it, is a file.
    """
    folder = settings.state.path
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise SettingsError(f"state.path = {folder}: is a file, or lies under one", fix="name a folder") from None
    return folder


def source(settings: Settings) -> Source:
    """Build the source that the settings name; its rows carry the fleet's name, whichever folder they came from.

    Raises:
        SettingsError: if the times of CSV files would mean nothing.
    """
    wanted, ignored, label = settings.source, settings.metrics.ignore, settings.fleet.name
    if wanted.kind == "backblaze":
        own = wanted.backblaze
        return BackblazeSource(wanted.path, wanted.delay, ignored, label, own.smart, own.changes_only)
    columns = wanted.columns.mapping()
    if wanted.kind == "csv":
        return CsvSource(wanted.path, columns, wanted.delay, ignored, label, _dialect(wanted.csv))
    return ParquetSource(wanted.path, columns, wanted.delay, ignored, label)


def store(settings: Settings) -> Store:
    """Find the Delta tables in the state folder."""
    return Store.open(settings.state.path / TABLES, settings.buckets.width)


def windows_folder(settings: Settings) -> Path:
    """Say where scores leave the windows that they folded; beside the tables that backups copy by name."""
    return settings.state.path / TABLES / WINDOWS


@contextmanager
def records(settings: Settings) -> Iterator[Records]:
    """Open the database for the block."""
    state_folder(settings)
    opened = Records.open(database_url(settings))
    try:
        yield opened
    finally:
        opened.close()


def actuator(settings: Settings) -> Actuator:
    """Choose what carries drains out: so far nothing touches a node, a dry run writes them down in the state folder."""
    return DryRun(state_folder(settings) / DRY_RUN)


def has_records(settings: Settings) -> bool:
    """Say whether there is a database to open; one on a server is taken to be there."""
    return bool(settings.state.url) or (settings.state.path / DATABASE).exists()


def wall_clock() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


def clock(settings: Settings, records: Records) -> Callable[[], datetime]:
    """Choose what now is: the wall clock, or for historical records the newest time that they hold.

    Raises:
        EmptyTableError: if the clock is the data's, and nothing was ingested yet.
    """
    if settings.clock.now == "wall":
        return wall_clock
    newest: datetime | None = records.nodes().select(pl.col("as_of").max()).item()
    if newest is None:
        raise EmptyTableError("the state", "holds no records yet", fix="run `nodeward ingest` first")
    return lambda: newest


def database_url(settings: Settings) -> str:
    """Give the configured database's URL, or that of the SQLite file in the state folder."""
    return settings.state.url or f"sqlite:///{(settings.state.path / DATABASE).absolute()}"


def tracking_uri(settings: Settings) -> str:
    """Give the configured MLflow server's address, or the SQLite file in the state folder."""
    uri = settings.tracking.uri
    if uri.startswith(("postgres:", "postgresql:")):  # by MLflow's own choice of driver it would need another one
        return parse_address(uri, "tracking.uri").render_as_string(hide_password=False)
    return uri or f"sqlite:///{(settings.state.path / TRACKING).absolute()}"


def has_models(settings: Settings) -> bool:
    """Say whether there is a place where models may be registered; one that is configured is taken to be there."""
    return bool(settings.tracking.uri) or (settings.state.path / TRACKING).exists()


def registry(settings: Settings) -> Registry:
    """Find the models of the fleet: on the MLflow server that the settings name, or in the state folder."""
    set_default_variables({"MLFLOW_DISABLE_TELEMETRY": "true"})  # else its import leaves an id in the home folder
    from models.registry.mlflow_registry import Registry  # noqa: PLC0415 - MLflow takes seconds to import, and few commands need it

    artifacts = (state_folder(settings) / ARTIFACTS).absolute().as_uri()
    return Registry(tracking_uri(settings), artifacts, settings.tracking.experiment, settings.tracking.model_name)


def training_run(bundle: Bundle, figures: Mapping[str, Figure]) -> TrainingRun:
    """Gather what a training run leaves behind."""
    from models.registry.runs import TrainingRun  # noqa: PLC0415 - as above: LightGBM

    return TrainingRun.of(bundle, figures)


def _dialect(csv: CsvSettings) -> Dialect:
    """Say how CSV files are written."""
    if "%" in csv.time and "%z" not in csv.time and not csv.zone:
        raise SettingsError(
            f'source.csv.time = "{csv.time}": has no offset (%z), so its times mean nothing without a zone',
            fix='set source.csv.zone, for example to "UTC"',
        )
    return Dialect(csv.time, csv.zone, csv.missing, csv.decimal, csv.delimiter)
