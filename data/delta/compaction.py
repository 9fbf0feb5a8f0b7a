"""Keeps Delta tables from growing without limit: deletes by time, compacts, and vacuums all but protected versions."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
from deltalake.exceptions import CommitFailedError

from data.delta.table import KEEP_LOG, WRITER, commit, month_of
from data.disk.disk_full import translate_disk_full
from data.errors import InfrastructureError
from data.schema import MONTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from data.delta.table import Table

SAFE: Final = timedelta(days=7)  # a process that opened a version may still be reading it
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TableSize:
    """The size of the newest version of a table."""

    rows: int = 0
    files: int = 0
    bytes: int = 0


def table_size(table: Table) -> TableSize:
    """Measure a table without reading its rows."""
    delta = table.open()
    if delta is None:
        return TableSize()
    files = pl.DataFrame(delta.get_add_actions(flatten=True))
    return TableSize(int(files["num_records"].sum()), files.height, int(files["size_bytes"].sum()))


def delete_until(table: Table, until: datetime, notes: Mapping[str, int] | None = None) -> None:
    """Delete the rows with time <= until: first whole months, which rewrites no file, then the rest.

    Without a row to delete, nothing is committed and no note is written. Rows without a time stay.
    """
    month = month_of(until)
    for predicate in (f"{MONTH} < '{month}'", f"{MONTH} = '{month}' AND {table.time} <= '{until.isoformat()}'"):
        delta = table.open()
        if delta is not None:
            with _translate_faults(table):
                delta.delete(predicate, writer_properties=WRITER, commit_properties=commit(notes or {}))


def compact(table: Table) -> None:
    """Merge the small files of each month into one; the rows stay as they are."""
    delta = table.open()
    if delta is not None:
        with _translate_faults(table):
            delta.optimize.compact(writer_properties=WRITER)


def vacuum(table: Table, protected: Iterable[int], keep: timedelta = SAFE) -> int:
    """Remove files that neither a protected version nor a version of the last `keep` needs; return their number."""
    delta = table.open()
    if delta is None:
        return 0
    hours, versions = keep // HOUR, sorted(set(protected))
    with _translate_faults(table):
        if KEEP_LOG.items() - delta.metadata().configuration.items():
            delta.alter.set_table_properties(KEEP_LOG)
        listed = delta.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=True, keep_versions=versions)
        removable = [file for file in listed if "://" in table.uri or Path(table.uri, file).exists()]
        if removable:  # files that were removed before are listed too, and a vacuum of nothing makes two commits
            delta.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True, keep_versions=versions)
    return len(removable)


@contextmanager
def _translate_faults(table: Table) -> Iterator[None]:
    try:
        with translate_disk_full(table.uri):
            yield
    except CommitFailedError as fault:
        raise InfrastructureError(
            f"{table.uri}: another process wrote to it at the same time: {fault}", fix="run the same command again"
        ) from fault
