"""Finds Backblaze's daily CSV files: plain, in gzip, or inside the quarterly zip files, in the order of their days."""

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
from data.readers.csv_blocks import Sheet, naming, sheet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAILY: Final = re.compile(r"(?:.*/)?(\d{4}-\d{2}-\d{2})\.csv(?:\.gz)?")
JUNK: Final = "__MACOSX"


@dataclass(frozen=True, slots=True)
class Day:
    """One day's file, and the midnight (UTC) at which the day begins."""

    date: datetime
    sheet: Sheet


def find_days(path: Path) -> tuple[Day, ...]:
    """Find the daily files at a path: one file, or every one in a folder and the folders in it.

    Raises:
        SourceFileError: if there is none, a day is there twice, or a zip file can't be read.
    """
    if not path.exists():
        raise SourceFileError(path, "no such file or folder", fix="set source.path to Backblaze's files")
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    days = sorted((day for file in files for day in _days_in(file)), key=lambda day: day.date)
    if not days:
        raise SourceFileError(
            path, "holds no daily file", fix="put YYYY-MM-DD.csv or .csv.gz, or the quarterly .zip files there"
        )
    for day, following in pairwise(days):
        if day.date == following.date:
            raise SourceFileError(following.sheet.name, f"is there as {day.sheet.name} too", fix="keep one of them")
    return tuple(days)


def _days_in(file: Path) -> Iterator[Day]:
    if file.suffix.lower() == ".zip":
        yield from _days_in_zip(file)
    elif (date := _date(file, file.name)) is not None:
        yield Day(date, sheet(file))


def _days_in_zip(file: Path) -> Iterator[Day]:
    with naming(str(file)), _archive(file) as archive:
        members = [name for name in archive.namelist() if JUNK not in name.split("/")]
    for name in members:
        if (date := _date(file, name)) is not None:
            yield Day(date, Sheet(f"{file}/{name}", partial(_open_member, file, name)))


@contextmanager
def _archive(file: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file; one that is encrypted, or packed in a way that Python does not know, is a bad one."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except RuntimeError as fault:
        raise zipfile.BadZipFile(str(fault)) from fault


def _open_member(file: Path, name: str) -> IO[bytes]:
    with _archive(file) as archive:
        member = archive.open(name)  # stays open when the archive is closed
    return io.BufferedReader(gzip.GzipFile(fileobj=member)) if name.endswith(".gz") else member


def _date(file: Path, name: str) -> datetime | None:
    """Read the day from a file's name; null if it is no daily file."""
    found = DAILY.fullmatch(name)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise SourceFileError(file, f"is named after no day: {name}", fix="name it YYYY-MM-DD.csv") from None
