"""The registry of models on MLflow: what training made, which version is champion, and how to get it back."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.environment_variables import (
    MLFLOW_DISABLE_TELEMETRY,
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT,
)
from mlflow.exceptions import MlflowException
from mlflow.telemetry import set_telemetry_client
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from data.disk.disk_full import is_full
from data.disk.lock import exclusive_lock
from data.errors import (
    DataError,
    DiskFullError,
    InfrastructureError,
    ModelMismatchError,
    NodewardError,
    SourceFileError,
    UnreachableError,
)
from data.redaction import redact
from models.registry import bundle as bundles
from models.registry.relocate import follow
from models.registry.runs import CHALLENGER, CHAMPION, MODEL, SUPPORT, TRAINED_UNTIL, ModelVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

    from models.registry.bundle import Bundle
    from models.registry.runs import SearchRun, TrainingRun

_GONE: Final = "RESOURCE_DOES_NOT_EXIST"
_PATIENCE: Final = timedelta(minutes=1)  # for another process to make the store
_TABLE: Final = "tables."  # begins the name of a parameter: the version of a table
_LAST_RUNS: Final = 5
_SEARCHES: Final = "-tuning"  # ends the name of the experiment that searches for settings are in
_REPORT: Final = "report.json"
_HTTP_RETRIES: Final = 2  # 6 s; MLflow's own 7 keep a user waiting for 4 minutes


@dataclass(frozen=True, slots=True)
class Registry:
    """Where training runs are tracked and models are registered."""

    uri: str
    artifacts: str  # where a local store keeps files; an HTTP server chooses for itself
    experiment: str
    model_name: str

    def log(self, run: TrainingRun) -> ModelVersion:
        """Track a training run and register its model as challenger; as champion if there is none of today's format.

        Registering comes last and the aliases after it: whatever stops this leaves no half-registered model.

        Raises:
            UnreachableError: if the server does not answer.
            InfrastructureError: if it refuses, or the disk fails.
        """
        with self._naming_faults():
            client = self._client()
            tracked = client.create_run(self._experiment_id(client), run_name=run.title)
            with _failing(client, tracked):
                _track(client, tracked, run)
                client.set_terminated(tracked.info.run_id)
                version = self._register(client, tracked, run)
            return self._described(client, version, self._set_aliases(client, str(version.version)))

    def record(self, search: SearchRun) -> str:
        """Track a search in an experiment of its own, so that runs with models stay among themselves; give its run.

        Raises:
            UnreachableError: if the server does not answer.
            InfrastructureError: if it refuses, or the disk fails.
        """
        aside = replace(self, experiment=f"{self.experiment}{_SEARCHES}")
        with self._naming_faults():
            client = aside._client()  # noqa: SLF001 - of this class
            tracked = client.create_run(aside._experiment_id(client), run_name=search.title)  # noqa: SLF001 - as above
            with _failing(client, tracked):
                _note(client, tracked, search)
                client.log_text(tracked.info.run_id, search.report, _REPORT)
                client.set_terminated(tracked.info.run_id)
            return str(tracked.info.run_id)

    def load(self, wanted: str) -> tuple[str, Bundle]:
        """Read the model of an alias or a version, and say which version it is.

        Raises:
            DataError: if there is no such model, or its files are gone or broken.
            UnreachableError: if the server does not answer.
        """
        with self._naming_faults():
            client, version = self._find(wanted)
            return str(version.version), self._read(client, version)

    def versions(self) -> tuple[ModelVersion, ...]:
        """List what is registered, the newest first."""
        with self._naming_faults():
            if self._is_unborn():
                return ()
            client = self._client()
            aliases = self._aliases(client)
            return tuple(self._described(client, one, _of(aliases, one)) for one in self._registered(client))

    def cited(self) -> dict[str, set[int]]:
        """Give the versions of each table that the champion, the challenger or one of the last runs was trained on."""
        with self._naming_faults():
            if self._is_unborn():
                return {}
            client = self._client()
            names = (self._aliases(client) or {}).items()
            chosen = {version for name, version in names if name in {CHAMPION, CHALLENGER}}
            runs = [client.get_run(str(one.run_id)) for one in self._registered(client) if str(one.version) in chosen]
            return _tables([*runs, *self._last_runs(client)])

    def promote(self, wanted: str) -> str:
        """Make a model, by alias or version, the champion; give its version.

        Raises:
            DataError: if there is no such model.
        """
        with self._naming_faults():
            client, found = self._find(wanted)
            client.set_registered_model_alias(self.model_name, CHAMPION, str(found.version))
            return str(found.version)

    def _client(self) -> MlflowClient:
        _quieten()
        if self._is_unborn():
            self._bear()
        elif self.uri.startswith("sqlite:"):
            follow(Path(make_url(self.uri).database or ""), self.experiment, self.artifacts)
        return MlflowClient(self.uri, self.uri)

    def _bear(self) -> None:
        """Make a SQLite store aside and move it into place: MLflow can't go on with one that was half made."""
        file = Path(make_url(self.uri).database or "")
        aside = file.with_suffix(".new")
        with exclusive_lock(file.with_suffix(".lock"), _PATIENCE):
            if not self._is_unborn():
                return  # another process was faster
            shutil.rmtree(aside, ignore_errors=True)
            MlflowClient(f"sqlite:///{aside / file.name}").search_experiments(max_results=1)
            (aside / file.name).rename(file)
            aside.rmdir()

    def _is_unborn(self) -> bool:
        """Tell whether this is a SQLite file that is not there: to look into it would make it."""
        return self.uri.startswith("sqlite:") and not Path(make_url(self.uri).database or "").exists()

    def _experiment_id(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is not None:
            return str(found.experiment_id)
        return str(client.create_experiment(self.experiment, None if self._is_remote else self.artifacts))

    @property
    def _is_remote(self) -> bool:
        return self.uri.startswith(("http://", "https://"))

    def _last_runs(self, client: MlflowClient) -> list[Run]:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            return []
        return list(client.search_runs([found.experiment_id], order_by=["start_time DESC"], max_results=_LAST_RUNS))

    def _register(self, client: MlflowClient, tracked: Run, run: TrainingRun) -> MlflowVersion:
        if self._aliases(client) is None:
            client.create_registered_model(self.model_name)
        source, tags = f"{tracked.info.artifact_uri}/{MODEL}", dict(run.tags)
        return client.create_model_version(
            self.model_name, source, tracked.info.run_id, tags, description=run.description
        )

    def _set_aliases(self, client: MlflowClient, version: str) -> tuple[str, ...]:
        names = (CHALLENGER,) if self._has_champion(client) else (CHALLENGER, CHAMPION)
        for name in names:
            client.set_registered_model_alias(self.model_name, name, version)
        return names

    def _has_champion(self, client: MlflowClient) -> bool:
        """Tell whether there is a champion, in the format that this version reads."""
        champion = (self._aliases(client) or {}).get(CHAMPION)
        if champion is None:
            return False
        try:
            self._read(client, client.get_model_version(self.model_name, champion))
        except ModelMismatchError:
            return False
        except DataError:
            return True  # its files are gone or broken: they can be restored
        return True

    def _aliases(self, client: MlflowClient) -> dict[str, str] | None:
        """Give the version behind each alias; None if nothing was ever registered."""
        try:
            found = client.get_registered_model(self.model_name).aliases
        except MlflowException as error:
            if error.error_code != _GONE:
                raise
            return None
        return {name: str(version) for name, version in found.items()}

    def _registered(self, client: MlflowClient) -> list[MlflowVersion]:
        found = client.search_model_versions(f"name='{self.model_name}'")
        return sorted(found, key=lambda one: -int(one.version))

    def _find(self, wanted: str) -> tuple[MlflowClient, MlflowVersion]:
        if self._is_unborn():
            raise self._missing(wanted, [])
        client = self._client()
        aliases, registered = self._aliases(client) or {}, self._registered(client)
        version = aliases.get(wanted, wanted)
        for one in registered:
            if str(one.version) == version:
                return client, one
        raise self._missing(wanted, [*aliases, *(str(one.version) for one in registered)])

    def _missing(self, wanted: str, have: list[str]) -> DataError:
        return DataError(
            f"no model {wanted!r} of {self.model_name!r} is registered at {self._address}",
            fix=f"choose one of {', '.join(have)}" if have else "run `nodeward train` first",
        )

    def _read(self, client: MlflowClient, version: MlflowVersion) -> Bundle:
        with tempfile.TemporaryDirectory(prefix="nodeward-model-") as folder:
            try:
                return bundles.load(Path(client.download_artifacts(str(version.run_id), MODEL, folder)))
            except ModelMismatchError as error:
                what = f"version {version.version} of {self.model_name!r} was made by another version of Nodeward"
                raise ModelMismatchError(
                    f"{what}: {error.what.rpartition(': ')[2]}", fix="run `nodeward train`: its model takes the place"
                ) from error
            except (SourceFileError, FileNotFoundError, MlflowException) as error:
                if isinstance(error, MlflowException) and error.error_code != _GONE:
                    raise
                what = f"version {version.version} of {self.model_name!r} can't be read from {version.source}"
                why = error.what if isinstance(error, SourceFileError) else error
                raise DataError(f"{what}: {why}", fix="restore its files, or train again") from error

    def _described(self, client: MlflowClient, version: MlflowVersion, aliases: tuple[str, ...]) -> ModelVersion:
        run_id, until = str(version.run_id), version.tags.get(TRAINED_UNTIL)
        return ModelVersion(
            version=str(version.version),
            aliases=aliases,
            trained_until=datetime.fromisoformat(until) if until else None,
            support=version.tags.get(SUPPORT, ""),
            metrics=dict(client.get_run(run_id).data.metrics),
            run_id=run_id,
        )

    @property
    def _address(self) -> str:
        return redact(self.uri)

    @contextmanager
    def _naming_faults(self) -> Iterator[None]:
        try:
            yield
        except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise _named(error, self._address) from error


def _quieten() -> None:
    """Turn off telemetry, progress bars and chatter, where the user has not chosen otherwise.

    Whoever imports this module should set MLFLOW_DISABLE_TELEMETRY before: importing MLflow without it
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
        logging.getLogger(name).setLevel(logging.CRITICAL)  # faults are raised, and told once


@contextmanager
def _failing(client: MlflowClient, tracked: Run) -> Iterator[None]:
    """Mark the run failed if the block does."""
    with ExitStack() as unfinished:
        unfinished.callback(_give_up, client, tracked)
        yield
        unfinished.pop_all()


def _give_up(client: MlflowClient, tracked: Run) -> None:
    with suppress(MlflowException, SQLAlchemyError, OSError):  # the first fault is the one to tell
        client.set_terminated(tracked.info.run_id, "FAILED")


def _track(client: MlflowClient, tracked: Run, run: TrainingRun) -> None:
    run_id = tracked.info.run_id
    tables = {f"{_TABLE}{name}": version for name, version in run.tables.items()}
    _note(client, tracked, run, tables, run.tags)
    with tempfile.TemporaryDirectory(prefix="nodeward-run-") as folder:
        run.write(Path(folder))
        client.log_artifacts(run_id, folder)


def _note(
    client: MlflowClient,
    tracked: Run,
    run: TrainingRun | SearchRun,
    params: Mapping[str, object] = MappingProxyType({}),
    tags: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write down a run's figures and parameters, some more of these, and its tags."""
    now = tracked.info.start_time
    client.log_batch(
        tracked.info.run_id,
        [Metric(name, value, now, 0) for name, value in run.metrics.items()],
        [Param(name, str(value)) for name, value in {**run.params, **params}.items()],
        [RunTag(name, value) for name, value in {**tags, MLFLOW_RUN_NOTE: run.description}.items()],
    )


def _tables(runs: Iterable[Run]) -> dict[str, set[int]]:
    """Gather the versions of tables that runs were trained on."""
    found: dict[str, set[int]] = {}
    for run in runs:
        for name, value in run.data.params.items():
            if name.startswith(_TABLE):
                found.setdefault(name.removeprefix(_TABLE), set()).add(int(value))
    return found


def _of(aliases: Mapping[str, str] | None, version: MlflowVersion) -> tuple[str, ...]:
    return tuple(sorted(name for name, named in (aliases or {}).items() if named == str(version.version)))


def _named(error: Exception, address: str) -> NodewardError:
    """Say in Nodeward's words what went wrong; MLflow hides causes in the context."""
    fault: BaseException | None = error
    while fault is not None:
        if isinstance(fault, Exception) and is_full(fault):
            return DiskFullError(f"MLflow at {address}", _short(fault))
        if isinstance(fault, OSError) and fault.errno is None and address.startswith("http"):
            return UnreachableError("the MLflow server (tracking.uri)", address, str(fault))
        fault = fault.__cause__ or fault.__context__
    return InfrastructureError(f"MLflow at {address}: {_short(error)}", fix="check tracking.uri and the rights to it")


def _short(error: Exception) -> str:
    """Say what a driver said, without the SQL around it."""
    return " ".join(str(getattr(error, "orig", None) or error).partition("[SQL:")[0].split())
