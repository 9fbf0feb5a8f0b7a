"""Writes a backup of a whole state into one file: each table at one version, each database at one time."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import polars as pl

from data.disk.disk_full import translate_disk_full
from data.maintenance.archive import write_archive
from data.sql import migrations
from data.sql.transfer import dump

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from data.delta.store import Store
    from data.delta.table import Table
    from data.maintenance.archive import ArchiveWriter
    from data.sql.records import Records

TABLES: Final = "tables"
RECORDS: Final = "records"
LOG: Final = "_delta_log"
LAST_CHECKPOINT: Final = "_last_checkpoint"
SQLITE: Final = b"SQLite format 3\0"
LEFT_OUT: Final = (".lock", ".new", ".part", "-wal", "-shm", "-journal")  # the copies of databases include their logs
TEMPORARY: Final = "backtest-"  # a running backtest has a temporary folder in the state
LOCK_TIMEOUT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class State:
    """A whole state: its folder, tables and records, and the versions of tables that models cite."""

    folder: Path
    store: Store
    records: Records
    cited: Mapping[str, Collection[int]]


@dataclass(frozen=True, slots=True)
class BackupReport:
    """The content of an archive: versions and rows of tables, rows of records, files, and their uncompressed size."""

    made_at: str
    fleet: str
    tables: Mapping[str, Mapping[str, int]]
    records: Mapping[str, int]
    files: int
    bytes: int

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> BackupReport:
        """Return the report of a manifest."""
        made_at, fleet, tables, records = (manifest[name] for name in ("made_at", "fleet", "tables", "records"))
        files = manifest["files"].values()
        return cls(made_at, fleet, tables, records, len(files), sum(file["bytes"] for file in files))


def backup(state: State, file: Path, codec: str, provenance: Mapping[str, str]) -> BackupReport:
    """Write a state into an archive; `provenance` has made_at, made_by and fleet.

    Raises:
        InfrastructureError: if another process keeps writing to the tables, or the disk is full.
    """
    with (
        state.store.exclusive_lock(LOCK_TIMEOUT),
        tempfile.TemporaryDirectory(prefix="nodeward-backup-") as scratch,
        write_archive(file, codec) as writer,
    ):
        tables = {table.name: table for table in state.store.tables() if table.version() >= 0}
        versions = {
            name: _add_table(writer, table, state.store.protected_versions(name, state.cited))
            for name, table in tables.items()
        }
        rows = _add_records(writer, state.records, Path(scratch))
        _add_other_files(writer, state, Path(scratch))
        manifest = {**provenance, "schema_version": migrations.SCHEMA_VERSION, "tables": versions, "records": rows}
        writer.write_manifest(manifest)
        return BackupReport.of({**manifest, "files": writer.members})


def _add_table(writer: ArchiveWriter, table: Table, protected: Collection[int]) -> dict[str, int]:
    """Write the newest and the protected versions, with the log up to the newest; return version and rows."""
    version, root = table.version(), Path(table.uri)
    newest = table.at_version(version)
    files = set(_files(newest))
    files |= {file for old in protected for file in _files(table.at_version(old)) if (root / file).exists()}
    for file in [*(root / name for name in sorted(files)), *_log(root / LOG, version)]:
        writer.add(f"{TABLES}/{table.name}/{file.relative_to(root).as_posix()}", file)
    return {"version": version, "rows": newest.scan().select(pl.len()).collect().item()}


def _files(table: Table) -> list[str]:
    """Return the files of a version, relative to the table."""
    delta = table.open()
    assert delta, "only existing tables are backed up"
    return [unquote(path) for path in pl.DataFrame(delta.get_add_actions(flatten=True))["path"]]


def _log(folder: Path, version: int) -> Iterator[Path]:
    """Yield the files of a Delta log up to a version."""
    for file in sorted(folder.iterdir()):
        number = file.name.partition(".")[0]
        if file.name == LAST_CHECKPOINT:
            number = str(json.loads(file.read_bytes())["version"])
        if number.isdecimal() and int(number) <= version:
            yield file


def _add_records(writer: ArchiveWriter, records: Records, scratch: Path) -> dict[str, int]:
    frames = dump(records.engine)
    for name, frame in frames.items():
        file = scratch / f"{name}.parquet"
        with translate_disk_full(scratch):
            frame.write_parquet(file)
        writer.add(f"{RECORDS}/{file.name}", file)
    return {name: frame.height for name, frame in frames.items()}


def _add_other_files(writer: ArchiveWriter, state: State, scratch: Path) -> None:
    """Write every other file of the state, databases first: the files that MLflow's database names exist before it."""
    database = state.records.engine.url.database if state.records.engine.dialect.name == "sqlite" else None
    files = [file for file in _walk(state.folder) if database is None or file.resolve() != Path(database).resolve()]
    for file in sorted(files, key=lambda file: (file.suffix != ".db", file)):
        with suppress(FileNotFoundError):  # files of other programs, such as Prefect, may be deleted at any time
            copy = _copy_sqlite(file, scratch / "copy.db") if _is_sqlite(file) else file
            writer.add(file.relative_to(state.folder).as_posix(), copy)


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name != TABLES and not (path.name.startswith(TEMPORARY) and path.is_dir()):
            yield from _below(path, frozenset({folder.resolve()}))


def _below(path: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Yield the files at and below a path and its links; a link to one of the folders above is ignored."""
    if path.is_dir():
        if (real := path.resolve()) not in above:
            with suppress(FileNotFoundError):  # folders of other programs may be deleted at any time
                for child in sorted(path.iterdir()):
                    yield from _below(child, above | {real})
    elif path.is_file() and not path.name.endswith(LEFT_OUT):
        yield path


def _is_sqlite(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(len(SQLITE)) == SQLITE


def _copy_sqlite(file: Path, copy: Path) -> Path:
    """Copy one consistent state of a database, while others may write to it."""
    copy.unlink(missing_ok=True)
    address = f"{file.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy
