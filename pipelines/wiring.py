"""The only place that chooses implementations: everything else is handed what it needs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from data.errors import SettingsError
from data.records import Records
from data.sources.files import ParquetSource
from data.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from data.source import Source
    from pipelines.settings_shape import Settings, State

TABLES: Final = "tables"
DATABASE: Final = "nodeward.db"
TRACKING: Final = "mlflow.db"
ARTIFACTS: Final = "mlflow"


def state_folder(settings: Settings) -> Path:
    """Make the state folder if it is not there.

    Raises:
        SettingsError: if state.path, or a folder above it, is a file.
    """
    folder = settings.state.path
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise SettingsError(f"state.path = {folder}: is a file, or lies under one", mend="name a folder") from None
    return folder


def source(settings: Settings) -> Source:
    """Build the source that the settings name; its rows carry the fleet's name, whichever folder they came from."""
    wanted = settings.source
    return ParquetSource(wanted.path, wanted.columns.mapping(), wanted.delay, label=settings.fleet.name)


def store(settings: Settings) -> Store:
    """Find the Delta tables in the state folder."""
    return Store.at(settings.state.path / TABLES, settings.buckets.width)


@contextmanager
def records(settings: Settings) -> Iterator[Records]:
    """Open the database for the block."""
    state_folder(settings)
    opened = Records.at(database_url(settings.state))
    try:
        yield opened
    finally:
        opened.close()


def database_url(state: State) -> str:
    """Give the configured database's URL, or that of the SQLite file in the state folder."""
    return state.url or f"sqlite:///{(state.path / DATABASE).absolute()}"


def tracking_uri(settings: Settings) -> str:
    """Give the configured MLflow server's address, or the SQLite file in the state folder."""
    return settings.tracking.uri or f"sqlite:///{(settings.state.path / TRACKING).absolute()}"
