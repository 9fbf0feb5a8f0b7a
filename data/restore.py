"""Puts a backup in a state's place: unpacked beside it, verified, and only then moved there in one step."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from data import migrations
from data.archive import unpack
from data.backup import PATIENCE, RECORDS, TABLES, BackupReport
from data.database import connect
from data.delta import Table
from data.dump import loading
from data.errors import DataError, SettingsError, SourceFileError
from data.lock import writing
from data.swap import swap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Engine


def restore(file: Path, target: Path, url_of: Callable[[Path], str], *, force: bool = False) -> BackupReport:
    """Make `target` the state that an archive holds; `url_of` gives the database that belongs to a state folder.

    Raises:
        SettingsError: if there is a state, and `force` does not say to replace it.
        DataError: if the archive is broken, or of a newer Nodeward; nothing was changed then.
        SurroundingsError: if another process writes to the state, or the disk is full.
    """
    target = target.resolve()
    _require_empty(target, force=force)
    lock = target / TABLES / "ingest.lock"
    with _staged(target) as staging, writing(lock, PATIENCE) if lock.exists() else nullcontext():
        manifest = unpack(file, staging)
        frames = _verified(file, staging, manifest)
        shutil.rmtree(staging / RECORDS)
        engine = connect(url_of(staging))
        try:
            with loading(engine, frames, manifest["schema_version"], force=force):
                if not _lies_in(staging, engine):  # its rows and the folder change together
                    swap(staging, target)
        finally:
            engine.dispose()
        if staging.exists():
            swap(staging, target)
    return BackupReport.of(manifest)


def _require_empty(target: Path, *, force: bool) -> None:
    if target.exists() and not target.is_dir():
        raise SettingsError(f"{target}: is a file", mend="name a folder")
    if not force and target.exists() and any(target.iterdir()):
        raise SettingsError(
            f"{target}: is a state already", mend="restore --into another folder, or replace this one with --force"
        )


def _lies_in(folder: Path, engine: Engine) -> bool:
    return engine.dialect.name == "sqlite" and folder.resolve() in Path(engine.url.database or "").resolve().parents


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """Make an empty folder beside the target; what an earlier restore left there, killed, is removed."""
    staging = target.with_name(f".{target.name}.restoring")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _verified(file: Path, staging: Path, manifest: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
    """Hold tables and records to the manifest; give the records."""
    version = manifest["schema_version"]
    if version > migrations.SCHEMA_VERSION:
        raise DataError(
            f"{file} has tables of version {version}, but this Nodeward knows them up to {migrations.SCHEMA_VERSION}",
            mend="restore it with the Nodeward that made it, or a newer one",
        )
    for name, told in manifest["tables"].items():
        table = Table(str(staging / TABLES / name), "", {})
        held = {"version": table.version(), "rows": table.scan().select(pl.len()).collect().item()}
        _require_same(file, name, held, told)
    frames = {name: pl.read_parquet(staging / RECORDS / f"{name}.parquet") for name in manifest["records"]}
    for name, frame in frames.items():
        _require_same(file, name, frame.height, manifest["records"][name])
    return frames


def _require_same(file: Path, name: str, held: object, told: object) -> None:
    if held != told:
        raise SourceFileError(file, f"table {name} holds {held}, not {told}", mend="use another backup")
