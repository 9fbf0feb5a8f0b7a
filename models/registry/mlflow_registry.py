"""The registry of models on MLflow: training runs, registered versions, and which of them is champion."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from sqlalchemy.exc import SQLAlchemyError

from data.errors import DataError, ModelMismatchError
from models.registry import bundle as bundles
from models.registry.lookup import describing_faults, find_version, unreadable
from models.registry.mlflow_store import MlflowStore
from models.registry.model_version import CHALLENGER, CHAMPION, SUPPORT, TRAINED_UNTIL, ModelVersion
from models.registry.runs import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

    from models.registry.bundle import Bundle
    from models.registry.runs import SearchRun, TrainingRun

_MISSING: Final = "RESOURCE_DOES_NOT_EXIST"
_TABLE: Final = "tables."  # begins the name of a parameter: the version of a table
_LAST_RUNS: Final = 5
_SEARCHES: Final = "-tuning"  # ends the name of the experiment of searches for settings
_REPORT: Final = "report.json"


@dataclass(frozen=True, slots=True)
class Registry:
    """Where training runs are tracked and models are registered."""

    uri: str
    artifacts: str  # where a local store keeps files; an HTTP server chooses for itself
    experiment: str
    model_name: str

    def log(self, run: TrainingRun) -> ModelVersion:
        """Track a training run and register its model as challenger; as champion if there is none of today's format.

        Registering comes last and the aliases after it: an interruption leaves no half-registered model.

        Raises:
            UnreachableError: if the server does not answer.
            InfrastructureError: if it refuses, or the disk fails.
        """
        store = self._store
        with store.translate_errors():
            client = store.connect()
            tracked = client.create_run(store.experiment_id(client), run_name=run.title)
            with _mark_failure(client, tracked):
                _log_training(client, tracked, run)
                client.set_terminated(tracked.info.run_id)
                version = self._register(client, tracked, run)
            return self._described(client, version, self._set_aliases(client, str(version.version)))

    def log_search(self, search: SearchRun) -> str:
        """Track a search in a separate experiment, apart from the runs with models; return its run's id.

        Raises:
            UnreachableError: if the server does not answer.
            InfrastructureError: if it refuses, or the disk fails.
        """
        store = replace(self._store, experiment=f"{self.experiment}{_SEARCHES}")
        with store.translate_errors():
            client = store.connect()
            tracked = client.create_run(store.experiment_id(client), run_name=search.title)
            with _mark_failure(client, tracked):
                _log_values(client, tracked, search)
                client.log_text(tracked.info.run_id, search.report, _REPORT)
                client.set_terminated(tracked.info.run_id)
            return str(tracked.info.run_id)

    def load(self, name: str) -> tuple[str, Bundle]:
        """Read the model of an alias or a version; return its version too.

        Raises:
            DataError: if there is no such model, or its files are gone or broken.
            UnreachableError: if the server does not answer.
        """
        with self._store.translate_errors():
            client, version = self._find(name)
            return str(version.version), self._read(client, version)

    def versions(self) -> tuple[ModelVersion, ...]:
        """List what is registered, the newest first."""
        store = self._store
        with store.translate_errors():
            if store.is_missing():
                return ()
            client = store.connect()
            aliases = self._aliases(client) or {}
            return tuple(
                self._described(client, version, _aliases_of(version, aliases)) for version in self._registered(client)
            )

    def cited_tables(self) -> dict[str, set[int]]:
        """Return the versions of each table that the champion, the challenger or a recent run was trained on."""
        store = self._store
        with store.translate_errors():
            if store.is_missing():
                return {}
            client = store.connect()
            aliases = (self._aliases(client) or {}).items()
            cited = {version for alias, version in aliases if alias in {CHAMPION, CHALLENGER}}
            runs = [
                client.get_run(str(version.run_id))
                for version in self._registered(client)
                if str(version.version) in cited
            ]
            return _tables([*runs, *store.last_runs(client, _LAST_RUNS)])

    def promote(self, name: str) -> str:
        """Make a model, by alias or version, the champion; return its version.

        Raises:
            DataError: if there is no such model.
        """
        with self._store.translate_errors():
            client, version = self._find(name)
            client.set_registered_model_alias(self.model_name, CHAMPION, str(version.version))
            return str(version.version)

    @property
    def _store(self) -> MlflowStore:
        return MlflowStore(self.uri, self.artifacts, self.experiment)

    def _register(self, client: MlflowClient, tracked: Run, run: TrainingRun) -> MlflowVersion:
        if self._aliases(client) is None:
            client.create_registered_model(self.model_name)
        source, tags = f"{tracked.info.artifact_uri}/{MODEL}", dict(run.tags)
        return client.create_model_version(
            self.model_name, source, tracked.info.run_id, tags, description=run.description
        )

    def _set_aliases(self, client: MlflowClient, version: str) -> tuple[str, ...]:
        aliases = (CHALLENGER,) if self._has_champion(client) else (CHALLENGER, CHAMPION)
        for alias in aliases:
            client.set_registered_model_alias(self.model_name, alias, version)
        return aliases

    def _has_champion(self, client: MlflowClient) -> bool:
        """Return whether there is a champion, in the format that this version reads."""
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
        """Return the version behind each alias; None if no model was ever registered."""
        try:
            aliases = client.get_registered_model(self.model_name).aliases
        except MlflowException as error:
            if error.error_code != _MISSING:
                raise
            return None
        return {alias: str(version) for alias, version in aliases.items()}

    def _registered(self, client: MlflowClient) -> list[MlflowVersion]:
        versions = client.search_model_versions(f"name='{self.model_name}'")
        return sorted(versions, key=lambda version: -int(version.version))

    def _find(self, requested: str) -> tuple[MlflowClient, MlflowVersion]:
        store = self._store
        if store.is_missing():
            find_version(requested, {}, [], (self.model_name, self.uri))
        client = store.connect()
        registered = {str(version.version): version for version in self._registered(client)}
        aliases = self._aliases(client) or {}
        return client, registered[find_version(requested, aliases, list(registered), (self.model_name, self.uri))]

    def _read(self, client: MlflowClient, version: MlflowVersion) -> Bundle:
        number, source = str(version.version), str(version.source)
        with (
            tempfile.TemporaryDirectory(prefix="nodeward-model-") as folder,
            describing_faults(number, self.model_name, source),
        ):
            try:
                return bundles.load(Path(client.download_artifacts(str(version.run_id), MODEL, folder)))
            except MlflowException as error:
                if error.error_code != _MISSING:
                    raise
                raise unreadable(number, self.model_name, source, error) from error

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


@contextmanager
def _mark_failure(client: MlflowClient, tracked: Run) -> Iterator[None]:
    """Mark the run as failed if the block fails."""
    with ExitStack() as unfinished:
        unfinished.callback(_set_failed, client, tracked)
        yield
        unfinished.pop_all()


def _set_failed(client: MlflowClient, tracked: Run) -> None:
    with suppress(MlflowException, SQLAlchemyError, OSError):  # the first error is the one to report
        client.set_terminated(tracked.info.run_id, "FAILED")


def _log_training(client: MlflowClient, tracked: Run, run: TrainingRun) -> None:
    tables = {f"{_TABLE}{name}": version for name, version in run.tables.items()}
    _log_values(client, tracked, run, tables, run.tags)
    with tempfile.TemporaryDirectory(prefix="nodeward-run-") as folder:
        run.write(Path(folder))
        client.log_artifacts(tracked.info.run_id, folder)


def _log_values(
    client: MlflowClient,
    tracked: Run,
    run: TrainingRun | SearchRun,
    params: Mapping[str, object] = MappingProxyType({}),
    tags: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Log a run's metrics and parameters, more parameters, tags, and its description as a note."""
    now = tracked.info.start_time
    client.log_batch(
        tracked.info.run_id,
        [Metric(name, value, now, 0) for name, value in run.metrics.items()],
        [Param(name, str(value)) for name, value in {**run.params, **params}.items()],
        [RunTag(name, value) for name, value in {**tags, MLFLOW_RUN_NOTE: run.description}.items()],
    )


def _tables(runs: Iterable[Run]) -> dict[str, set[int]]:
    """Collect the versions of tables that runs were trained on."""
    versions: dict[str, set[int]] = {}
    for run in runs:
        for name, value in run.data.params.items():
            if name.startswith(_TABLE):
                versions.setdefault(name.removeprefix(_TABLE), set()).add(int(value))
    return versions


def _aliases_of(version: MlflowVersion, aliases: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(alias for alias, number in aliases.items() if number == str(version.version)))
