"""Reads registered models: from a local SQLite store directly, since importing MLflow takes seconds; else by MLflow."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from models.registry.lookup import describing_faults, find_version, sqlite_file
from models.registry.model_version import SUPPORT, TRAINED_UNTIL, ModelVersion
from models.registry.relocate import relocate

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.registry.bundle import Bundle
    from models.registry.mlflow_registry import Registry

_DELETED: Final = "Deleted_Internal"  # the stage in which MLflow leaves a deleted version
_VERSIONS: Final = "SELECT version, run_id, source FROM model_versions WHERE name = ? AND current_stage <> ?"
_TAGS: Final = "SELECT version, key, value FROM model_version_tags WHERE name = ?"
_ALIASES: Final = "SELECT version, alias FROM registered_model_aliases WHERE name = ?"
_METRICS: Final = "SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END FROM latest_metrics"
Stored = dict[str, tuple[ModelVersion, str]]  # by version: what is registered, and the address of its files


@dataclass(frozen=True, slots=True)
class ModelReader:
    """The registered models of a fleet, to read; `open_registry` imports MLflow."""

    uri: str
    artifacts: str
    experiment: str
    model_name: str
    open_registry: Callable[[], Registry]

    def versions(self) -> tuple[ModelVersion, ...]:
        """List what is registered, the newest first.

        Raises:
            UnreachableError: if the server does not answer.
            InfrastructureError: if the store can't be read.
        """
        stored = self._stored()
        if stored is None:
            return self.open_registry().versions()
        return tuple(version for version, _ in stored.values())

    def load(self, requested: str) -> tuple[str, Bundle]:
        """Read the model of an alias or a version; return its version and the model.

        Raises:
            DataError: if there is no such model, or its files are gone or broken.
            UnreachableError: if the server does not answer.
        """
        stored = self._stored()
        if stored is None:
            return self.open_registry().load(requested)
        aliases = {alias: number for number, (version, _) in stored.items() for alias in version.aliases}
        number = find_version(requested, aliases, list(stored), (self.model_name, self.uri))
        address = urlsplit(stored[number][1])
        if address.scheme != "file":
            return self.open_registry().load(requested)
        from models.registry import bundle  # noqa: PLC0415 - LightGBM takes a second to import

        with describing_faults(number, self.model_name, stored[number][1]):
            return number, bundle.load(Path(url2pathname(address.path)))

    def _stored(self) -> Stored | None:
        """Read MLflow 3's tables; None where there is no SQLite file, or one of another layout."""
        file = sqlite_file(self.uri)
        if file is None:
            return None
        if not file.exists():
            return {}
        try:
            relocate(file, self.experiment, self.artifacts)
            with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
                return _read(connection, self.model_name)
        except sqlite3.Error:
            return None


def _read(connection: sqlite3.Connection, name: str) -> Stored:
    connection.execute("BEGIN")  # one snapshot for all tables
    tags: dict[int, dict[str, str]] = {}
    for version, key, value in connection.execute(_TAGS, (name,)):
        tags.setdefault(version, {})[key] = value
    aliases: dict[int, list[str]] = {}
    for version, alias in connection.execute(_ALIASES, (name,)):
        aliases.setdefault(version, []).append(alias)
    metrics: dict[str, dict[str, float]] = {}
    for run, key, value in connection.execute(_METRICS):
        metrics.setdefault(run, {})[key] = math.nan if value is None else value
    rows = sorted(connection.execute(_VERSIONS, (name, _DELETED)), reverse=True)
    return {str(v): (_described(v, run, tags, aliases, metrics), source) for v, run, source in rows}


def _described(
    version: int,
    run: str,
    tags: dict[int, dict[str, str]],
    aliases: dict[int, list[str]],
    metrics: dict[str, dict[str, float]],
) -> ModelVersion:
    version_tags = tags.get(version, {})
    until = version_tags.get(TRAINED_UNTIL)
    return ModelVersion(
        version=str(version),
        aliases=tuple(sorted(aliases.get(version, []))),
        trained_until=datetime.fromisoformat(until) if until else None,
        support=version_tags.get(SUPPORT, ""),
        metrics=metrics.get(run, {}),
        run_id=run,
    )
