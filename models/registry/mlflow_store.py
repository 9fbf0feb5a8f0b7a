"""Connects to MLflow, on a server or in a SQLite file, and turns what goes wrong there into Nodeward's errors."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mlflow import MlflowClient
from mlflow.environment_variables import (
    MLFLOW_DISABLE_TELEMETRY,
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT,
)
from mlflow.exceptions import MlflowException
from mlflow.telemetry import set_telemetry_client
from sqlalchemy.exc import SQLAlchemyError

from data.disk.disk_full import is_full
from data.disk.lock import exclusive_lock
from data.errors import DiskFullError, InfrastructureError, NodewardError, UnreachableError
from data.redaction import redact
from models.registry.lookup import sqlite_file
from models.registry.relocate import relocate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlflow.entities import Run

_LOCK_TIMEOUT: Final = timedelta(minutes=1)  # for another process to create the store
_HTTP_RETRIES: Final = 2  # 6 s; MLflow's own 7 keep a user waiting for 4 minutes


@dataclass(frozen=True, slots=True)
class MlflowStore:
    """An experiment of an MLflow store."""

    uri: str
    artifacts: str  # where a local store keeps files; an HTTP server chooses for itself
    experiment: str

    def connect(self) -> MlflowClient:
        """Return a client; create a SQLite store first, and let a moved one find its files."""
        _quieten()
        file = sqlite_file(self.uri)
        if file and not file.exists():
            _create(file)
        elif file:
            relocate(file, self.experiment, self.artifacts)
        return MlflowClient(self.uri, self.uri)

    def is_missing(self) -> bool:
        """Return whether this is a SQLite file that does not exist: connecting to it would create it."""
        file = sqlite_file(self.uri)
        return file is not None and not file.exists()

    def experiment_id(self, client: MlflowClient) -> str:
        """Return the experiment's id; create the experiment if need be."""
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is not None:
            return str(experiment.experiment_id)
        is_server = self.uri.startswith(("http://", "https://"))
        return str(client.create_experiment(self.experiment, None if is_server else self.artifacts))

    def last_runs(self, client: MlflowClient, count: int) -> list[Run]:
        """Return the experiment's last runs, the newest first."""
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            return []
        return list(client.search_runs([experiment.experiment_id], order_by=["start_time DESC"], max_results=count))

    @property
    def address(self) -> str:
        """The store's address, without its password."""
        return redact(self.uri)

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Turn the errors of MLflow and its drivers inside the block into Nodeward's."""
        try:
            yield
        except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise _translated(error, self.address) from error


def _create(file: Path) -> None:
    """Create a SQLite store in another folder and move it into place: MLflow can't go on with half a store."""
    unfinished = file.with_suffix(".new")
    with exclusive_lock(file.with_suffix(".lock"), _LOCK_TIMEOUT):
        if file.exists():
            return  # another process was faster
        shutil.rmtree(unfinished, ignore_errors=True)
        MlflowClient(f"sqlite:///{unfinished / file.name}").search_experiments(max_results=1)
        (unfinished / file.name).rename(file)
        unfinished.rmdir()


def _quieten() -> None:
    """Turn off MLflow's telemetry, progress bars and log messages, where the user has not chosen otherwise.

    A module that imports this one should set MLFLOW_DISABLE_TELEMETRY before: importing MLflow without it
    leaves an installation id in the home folder.
    """
    for variable, value in (
        (MLFLOW_DISABLE_TELEMETRY, True),
        (MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR, False),
        (MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT, True),
        (MLFLOW_HTTP_REQUEST_MAX_RETRIES, _HTTP_RETRIES),
    ):
        if not variable.is_set():  # type: ignore[no-untyped-call]  # MLflow's
            variable.set(value)  # type: ignore[no-untyped-call]  # MLflow's
    set_telemetry_client()  # type: ignore[no-untyped-call]  # MLflow's; made on import, sends from the first call on
    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are raised, and reported once


def _translated(error: Exception, address: str) -> NodewardError:
    """Return Nodeward's error for what went wrong; MLflow hides causes in the context."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Exception) and is_full(cause):
            return DiskFullError(f"MLflow at {address}", _message(cause))
        if isinstance(cause, OSError) and cause.errno is None and address.startswith("http"):
            return UnreachableError("the MLflow server (tracking.uri)", address, str(cause))
        cause = cause.__cause__ or cause.__context__
    return InfrastructureError(
        f"MLflow at {address}: {_message(error)}", fix="check tracking.uri and the permissions there"
    )


def _message(error: Exception) -> str:
    """Return a driver's message, without the SQL around it."""
    return " ".join(str(getattr(error, "orig", None) or error).partition("[SQL:")[0].split())
