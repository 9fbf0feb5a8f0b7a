"""Finds Backblaze's daily CSV files, plain, in gzip or inside the quarterly zip files, in the order of their days."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import IO, TYPE_CHECKING, Final

from data.errors import SourceFileError
from data.readers.csv_blocks import CsvFile, csv_file, translate_csv_faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAILY: Final = re.compile(r"(?:.*/)?(\d{4}-\d{2}-\d{2})\.csv(?:\.gz)?")
IGNORED_FOLDER: Final = "__MACOSX"


@dataclass(frozen=True, slots=True)
class DailyFile:
    """The file of one day, and the midnight (UTC) at which the day begins."""

    date: datetime
    csv: CsvFile


def find_daily_files(path: Path) -> tuple[DailyFile, ...]:
    """Find the daily files at a path: one file, or all files below a folder.

    Raises:
        SourceFileError: if there is none, two files have the same day, or a zip file can't be read.
    """
    if not path.exists():
        raise SourceFileError(path, "no such file or folder", fix="set source.path to Backblaze's files")
    paths = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    files = sorted((file for each in paths for file in _files_in(each)), key=lambda file: file.date)
    if not files:
        raise SourceFileError(
            path, "holds no daily file", fix="put YYYY-MM-DD.csv or .csv.gz, or the quarterly .zip files there"
        )
    for file, following in pairwise(files):
        if file.date == following.date:
            raise SourceFileError(following.csv.name, f"has the same day as {file.csv.name}", fix="keep one of them")
    return tuple(files)


def _files_in(path: Path) -> Iterator[DailyFile]:
    if path.suffix.lower() == ".zip":
        yield from _files_in_zip(path)
    elif (date := _date(path, path.name)) is not None:
        yield DailyFile(date, csv_file(path))


def _files_in_zip(path: Path) -> Iterator[DailyFile]:
    with translate_csv_faults(str(path)), _archive(path) as archive:
        members = [name for name in archive.namelist() if IGNORED_FOLDER not in name.split("/")]
    for name in members:
        if (date := _date(path, name)) is not None:
            yield DailyFile(date, CsvFile(f"{path}/{name}", partial(_open_member, path, name)))


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file; raise BadZipFile if it is encrypted or its compression is not supported."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except RuntimeError as fault:
        raise zipfile.BadZipFile(str(fault)) from fault


def _open_member(path: Path, name: str) -> IO[bytes]:
    with _archive(path) as archive:
        member = archive.open(name)  # stays open after the archive is closed
    return io.BufferedReader(gzip.GzipFile(fileobj=member)) if name.endswith(".gz") else member


def _date(path: Path, name: str) -> datetime | None:
    """Return the day in the name of a file; None if it is no daily file."""
    match = DAILY.fullmatch(name)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise SourceFileError(path, f"has a name that is no day: {name}", fix="name it YYYY-MM-DD.csv") from None
