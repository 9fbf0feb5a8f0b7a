"""Backs a whole state up into one file: each table at one version, databases at one moment."""

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
from data.maintenance.archive import packing
from data.sql import migrations
from data.sql.transfer import dump

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from data.delta.store import Store
    from data.delta.table import Table
    from data.maintenance.archive import Packer
    from data.sql.records import Records

TABLES: Final = "tables"
RECORDS: Final = "records"
LOG: Final = "_delta_log"
LAST_CHECKPOINT: Final = "_last_checkpoint"
SQLITE: Final = b"SQLite format 3\0"
LEFT_OUT: Final = (".lock", ".new", ".part", "-wal", "-shm", "-journal")  # what these hold is in the databases' copies
PRIVATE: Final = "backtest-"  # a backtest at work has a folder of its own in the state
LOCK_TIMEOUT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class State:
    """What makes up a state: its folder, tables and records; and the versions of tables that models cite."""

    folder: Path
    store: Store
    records: Records
    cited: Mapping[str, Collection[int]]


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What an archive holds: versions and rows of tables, rows of records, files, and their size uncompressed."""

    made_at: str
    fleet: str
    tables: Mapping[str, Mapping[str, int]]
    records: Mapping[str, int]
    files: int
    bytes: int

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> BackupReport:
        """Sum a manifest up."""
        made_at, fleet, tables, records = (manifest[name] for name in ("made_at", "fleet", "tables", "records"))
        files = manifest["files"].values()
        return cls(made_at, fleet, tables, records, len(files), sum(one["bytes"] for one in files))


def backup(state: State, file: Path, codec: str, told: Mapping[str, str]) -> BackupReport:
    """Write a state into an archive; `told` has made_at, made_by and fleet.

    Raises:
        InfrastructureError: if another process keeps writing to the tables, or the disk is full.
    """
    with (
        state.store.exclusive_lock(LOCK_TIMEOUT),
        tempfile.TemporaryDirectory(prefix="nodeward-backup-") as scratch,
        packing(file, codec) as packer,
    ):
        tables = {table.name: table for table in state.store.tables() if table.version() >= 0}
        held = {name: _add_table(packer, table, _spared(state, name)) for name, table in tables.items()}
        rows = _add_records(packer, state.records, Path(scratch))
        _add_others(packer, state, Path(scratch))
        manifest = {**told, "schema_version": migrations.SCHEMA_VERSION, "tables": held, "records": rows}
        packer.seal(manifest)
        return BackupReport.of({**manifest, "files": packer.members})


def _spared(state: State, name: str) -> set[int]:
    finished = state.store.buckets.finished_table()
    own = {finished.version()} if finished.name == name else set()
    return {version for version in own.union(state.cited.get(name, ())) if version >= 0}


def _add_table(packer: Packer, table: Table, spared: Collection[int]) -> dict[str, int]:
    """Write the newest version and those that are spared, with the log up to the newest; give version and rows."""
    version, root = table.version(), Path(table.uri)
    newest = table.at_version(version)
    files = set(_files(newest))
    files |= {file for old in spared for file in _files(table.at_version(old)) if (root / file).exists()}
    for file in [*(root / name for name in sorted(files)), *_log(root / LOG, version)]:
        packer.add(f"{TABLES}/{table.name}/{file.relative_to(root).as_posix()}", file)
    return {"version": version, "rows": newest.scan().select(pl.len()).collect().item()}


def _files(table: Table) -> list[str]:
    """List a version's files, relative to the table."""
    opened = table.open()
    assert opened, "only tables that are there are backed up"
    return [unquote(path) for path in pl.DataFrame(opened.get_add_actions(flatten=True))["path"]]


def _log(folder: Path, version: int) -> Iterator[Path]:
    """List the files of a log that lead up to a version."""
    for file in sorted(folder.iterdir()):
        number = file.name.partition(".")[0]
        if file.name == LAST_CHECKPOINT:
            number = str(json.loads(file.read_bytes())["version"])
        if number.isdecimal() and int(number) <= version:
            yield file


def _add_records(packer: Packer, records: Records, scratch: Path) -> dict[str, int]:
    frames = dump(records.engine)
    for name, frame in frames.items():
        part = scratch / f"{name}.parquet"
        with translate_disk_full(scratch):
            frame.write_parquet(part)
        packer.add(f"{RECORDS}/{part.name}", part)
    return {name: frame.height for name, frame in frames.items()}


def _add_others(packer: Packer, state: State, scratch: Path) -> None:
    """Write every other file of the state, databases first: MLflow's names files that were there before it did."""
    own = state.records.engine.url.database if state.records.engine.dialect.name == "sqlite" else None
    others = [file for file in _walk(state.folder) if own is None or file.resolve() != Path(own).resolve()]
    for file in sorted(others, key=lambda file: (file.suffix != ".db", file)):
        with suppress(FileNotFoundError):  # other programs' files, such as Prefect's, come and go
            copied = _copy_sqlite(file, scratch / "copy.db") if _is_sqlite(file) else file
            packer.add(file.relative_to(state.folder).as_posix(), copied)


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name != TABLES and not (path.name.startswith(PRIVATE) and path.is_dir()):
            yield from _below(path, frozenset({folder.resolve()}))


def _below(path: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Find the files at and below a path, behind links too; a link back to a folder above leads to nothing new."""
    if path.is_dir():
        if (real := path.resolve()) not in above:
            with suppress(FileNotFoundError):  # as files, folders of other programs come and go
                for each in sorted(path.iterdir()):
                    yield from _below(each, above | {real})
    elif path.is_file() and not path.name.endswith(LEFT_OUT):
        yield path


def _is_sqlite(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(len(SQLITE)) == SQLITE


def _copy_sqlite(file: Path, copy: Path) -> Path:
    """Copy a database as it is at one moment, while others may write to it."""
    copy.unlink(missing_ok=True)
    address = f"{file.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy
