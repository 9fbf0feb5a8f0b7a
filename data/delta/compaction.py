"""What keeps Delta tables from growing without end: deleting by time, compaction, and vacuum that spares versions."""

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

SAFE: Final = timedelta(days=7)  # whoever opened a version may still be reading it
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Extent:
    """How large the newest version of a table is."""

    rows: int = 0
    files: int = 0
    bytes: int = 0


def extent(table: Table) -> Extent:
    """Measure a table, without reading its rows."""
    opened = table.handle()
    if opened is None:
        return Extent()
    files = pl.DataFrame(opened.get_add_actions(flatten=True))
    return Extent(int(files["num_records"].sum()), files.height, int(files["size_bytes"].sum()))


def delete_until(table: Table, until: datetime, note: Mapping[str, int] | None = None) -> None:
    """Delete the rows with time <= until: first whole months, which rewrites no file, then what is left.

    Where there is nothing to delete, nothing is committed, and no note is made. Rows without a time stay.
    """
    month = month_of(until)
    for predicate in (f"{MONTH} < '{month}'", f"{MONTH} = '{month}' AND {table.time} <= '{until.isoformat()}'"):
        opened = table.handle()
        if opened is not None:
            with _naming_faults(table):
                opened.delete(predicate, writer_properties=WRITER, commit_properties=commit(note or {}))


def compact(table: Table) -> None:
    """Write the small files of each month as one; rows and their values stay as they are."""
    opened = table.handle()
    if opened is not None:
        with _naming_faults(table):
            opened.optimize.compact(writer_properties=WRITER)


def vacuum(table: Table, spared: Iterable[int], keep: timedelta = SAFE) -> int:
    """Remove files that no version of the last `keep` needs, nor any version that is spared; give their number."""
    opened = table.handle()
    if opened is None:
        return 0
    hours, versions = keep // HOUR, sorted(set(spared))
    with _naming_faults(table):
        if KEEP_LOG.items() - opened.metadata().configuration.items():
            opened.alter.set_table_properties(KEEP_LOG)
        listed = opened.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=True, keep_versions=versions)
        doomed = [file for file in listed if "://" in table.uri or Path(table.uri, file).exists()]
        if doomed:  # files that are gone are listed as well, and a vacuum of nothing would make two commits
            opened.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True, keep_versions=versions)
    return len(doomed)


@contextmanager
def _naming_faults(table: Table) -> Iterator[None]:
    try:
        with translate_disk_full(table.uri):
            yield
    except CommitFailedError as fault:
        raise InfrastructureError(
            f"{table.uri}: another process wrote to it at the same time: {fault}", fix="run the same command again"
        ) from fault
