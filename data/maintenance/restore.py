"""Replaces a state by a backup: unpacked next to it, verified, and only then moved to its place in one step."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from deltalake.exceptions import DeltaError
from polars.exceptions import PolarsError
from sqlalchemy.exc import SQLAlchemyError

from data.delta.table import Table
from data.disk.atomic_swap import replace_folder
from data.disk.lock import exclusive_lock
from data.errors import DataError, SettingsError, SourceFileError
from data.maintenance.archive import FIX, unpack
from data.maintenance.backup import LOCK_TIMEOUT, RECORDS, TABLES, BackupReport
from data.sql import migrations
from data.sql.engine import connect
from data.sql.transfer import replacing_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Engine

MANIFEST: Final = {"made_at": str, "fleet": str, "schema_version": int, "tables": dict, "records": dict}


def restore(file: Path, target: Path, url_of: Callable[[Path], str], *, force: bool = False) -> BackupReport:
    """Restore the state in an archive to the folder `target`; `url_of` returns the URL of a state folder's database.

    Raises:
        SettingsError: if `target` has a state and `force` is not set.
        DataError: if the archive is damaged or from a newer Nodeward; nothing was changed.
        InfrastructureError: if another process writes to the state, or the disk is full.
    """
    target = target.resolve()
    _require_empty(target, force=force)
    lock = target / TABLES / "ingest.lock"
    with _staged(target) as staging, exclusive_lock(lock, LOCK_TIMEOUT) if lock.exists() else nullcontext():
        manifest = _checked(file, unpack(file, staging))
        with _translate_faults(file):
            frames = _verified(file, staging, manifest)
        shutil.rmtree(staging / RECORDS, ignore_errors=True)
        engine = connect(url_of(staging))
        try:
            with _translate_faults(file), replacing_records(engine, frames, manifest["schema_version"], force=force):
                _require_empty(target, force=force)  # another command may have created a state in the meantime
                if not _has_database(staging, engine):  # the database and the folder are replaced together
                    replace_folder(staging, target)
        finally:
            engine.dispose()
        if staging.exists():
            replace_folder(staging, target)
    return BackupReport.of(manifest)


def _require_empty(target: Path, *, force: bool) -> None:
    if target.exists() and not target.is_dir():
        raise SettingsError(f"{target}: is a file", fix="name a folder")
    if not force and target.exists() and any(target.iterdir()):
        raise SettingsError(
            f"{target}: is a state already", fix="restore --into another folder, or replace this one with --force"
        )


def _has_database(folder: Path, engine: Engine) -> bool:
    """Return whether the database is a file in the folder."""
    return engine.dialect.name == "sqlite" and folder.resolve() in Path(engine.url.database or "").resolve().parents


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """Create an empty folder next to the target; the remains of a restore that was killed are removed."""
    staging = target.with_name(f".{target.name}.restoring")
    lock = staging.with_name(f"{staging.name}.lock")  # two restores at the same time would use the same folder
    with exclusive_lock(lock, LOCK_TIMEOUT):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            lock.unlink()


@contextmanager
def _translate_faults(file: Path) -> Iterator[None]:
    """Raise SourceFileError if an archive is complete but its content is no backup."""
    try:
        yield
    except (DeltaError, PolarsError, SQLAlchemyError, FileNotFoundError) as fault:
        raise SourceFileError(file, f"is no backup: {str(fault).splitlines()[0]}", fix=FIX) from fault


def _checked(file: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest; raise SourceFileError if an entry is missing or has the wrong type."""
    for name, kind in MANIFEST.items():
        if type(manifest.get(name)) is not kind:
            why = f"is no backup: its manifest says {name} = {manifest.get(name)!r}"
            raise SourceFileError(file, why, fix=FIX)
    return manifest


def _verified(file: Path, staging: Path, manifest: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
    """Compare tables and records with the manifest, and return the records."""
    version = manifest["schema_version"]
    if version < 1:
        raise SourceFileError(file, f"has tables of version {version}, and the first was 1", fix=FIX)
    if version > migrations.SCHEMA_VERSION:
        raise DataError(
            f"{file} has tables of version {version}, but this Nodeward knows them up to {migrations.SCHEMA_VERSION}",
            fix="restore it with the Nodeward that made it, or a newer one",
        )
    for name, expected in manifest["tables"].items():
        table = Table(str(staging / TABLES / name), "", {})
        actual = {"version": table.version(), "rows": table.scan().select(pl.len()).collect().item()}
        _require_same(file, name, actual, expected)
    frames = {path.stem: pl.read_parquet(path) for path in sorted((staging / RECORDS).glob("*.parquet"))}
    _require_same(file, "records", {name: frame.height for name, frame in frames.items()}, manifest["records"])
    return frames


def _require_same(file: Path, name: str, actual: object, expected: object) -> None:
    if actual != expected:
        raise SourceFileError(file, f"table {name} holds {actual}, not {expected}", fix=FIX)
