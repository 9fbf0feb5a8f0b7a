"""Delta Lake tables by month: atomic commits for one writer, and one consistent version for each reader."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

import polars as pl
import polars.selectors as cs
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import TableNotFoundError

from data.disk.disk_full import translate_disk_full
from data.errors import ColumnError
from data.schema import MONTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from data.time_grid import Span

# Level 1 writes M100's buckets in half the time of level 3, for the same size.
WRITER: Final = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=1 << 17)
STATISTICS: Final = "delta.dataSkippingStatsColumns"
KEEP_LOG: Final = {"delta.enableExpiredLogCleanup": "false"}  # an old version can't be read without its log
MONTH_FORMAT: Final = "%Y-%m"
NO_MONTH: Final = "undated"
CHANGED_SPAN: Final = "touched"  # in a commit's metadata: first and last time of the rows that it may have changed
NO_SPAN: Final = ""
# Operations that change no row.
ROW_PRESERVING: Final = frozenset({"OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES"})


class LocalTable(DeltaTable):
    """A Delta table in a folder that lists its files by their names in the file system.

    Delta percent-encodes the names and Polars takes them literally, so it would find no file below a folder that has a
    space or an accent in its name.
    """

    def file_uris(self, *args: Any, **options: Any) -> list[str]:  # noqa: ANN401  - passed on unchanged
        """Return the paths of the files."""
        return [unquote(file) for file in super().file_uris(*args, **options)]


@dataclass(frozen=True, slots=True)
class Table:
    """A table at a path or URL, partitioned by the month of its column `time`.

    `keys` are the columns, with their types, that the table has before anything is written. With `pinned_version` it is
    read as it was at that version. A commit can carry notes: integers by name, of which the newest can be read.
    """

    uri: str
    time: str
    keys: Mapping[str, pl.DataType]
    storage_options: Mapping[str, str] = field(default_factory=dict)
    pinned_version: int | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.uri.rpartition("/")[2]

    def at_version(self, version: int) -> Table:
        """Return the table as it was at a version; at -1 it did not exist."""
        return replace(self, pinned_version=version)

    def version(self) -> int:
        """Return the pinned or else the newest version; -1 if the table does not exist."""
        table = self.open()
        return table.version() if table else -1

    def schema(self) -> pl.Schema:
        """Return the columns except the month."""
        schema = self.scan().collect_schema()
        return pl.Schema((name, dtype) for name, dtype in schema.items() if name != MONTH)

    def months(self) -> list[str]:
        """Return the months that have rows, as YYYY-MM."""
        table = self.open()
        return sorted(partition[MONTH] for partition in table.partitions()) if table else []

    def read_note(self, name: str) -> int | None:
        """Return the value of a note in the newest commit that has it."""
        table = self.open()
        return table.transaction_version(name) if table else None

    def scan(self) -> pl.LazyFrame:
        """Read lazily from one version, with the month."""
        table = self.open()
        return pl.scan_delta(table) if table else pl.LazyFrame(schema={**self.keys, MONTH: pl.String()})

    def select(self, columns: Iterable[str]) -> pl.LazyFrame:
        """Read the keys, the month and the given columns lazily.

        Raises:
            ColumnError: if the table has no such column.
        """
        frame = self.scan()
        names = frame.collect_schema().names()
        others = [name for name in dict.fromkeys(columns) if name not in self.keys]
        if missing := set(others) - set(names):
            raise ColumnError.missing(self.uri, missing, set(names) - {MONTH})
        return frame.select(*self.keys, *others, MONTH)

    def append(self, rows: pl.DataFrame) -> None:
        """Add rows, and columns that are new, in one commit; without a row nothing is committed."""
        if rows.height:
            times = rows[self.time]
            span = None if times.null_count() else _span_text(times.min(), times.max())
            self._write(rows, mode="append", commit=commit({}, span))

    def write_notes(self, notes: Mapping[str, int]) -> None:
        """Make a commit that carries these notes and changes no row."""
        self._write(self._empty(), mode="append", commit=commit(notes, NO_SPAN))

    def replace(self, rows: pl.DataFrame, low: datetime, high: datetime) -> None:
        """Replace all rows with low <= time <= high by `rows`, in one commit."""
        months = f"{MONTH} >= '{month_of(low)}' AND {MONTH} <= '{month_of(high)}'"
        times = f"{self.time} >= '{low.isoformat()}' AND {self.time} <= '{high.isoformat()}'"
        self._write(rows, mode="overwrite", predicate=f"{months} AND {times}", commit=commit({}, _span_text(low, high)))

    def delete_after(self, time: datetime, notes: Mapping[str, int]) -> None:
        """Delete all rows later than a time, in one commit that carries these notes."""
        months = f"{MONTH} >= '{month_of(time)}'"
        times = f"{self.time} > '{time.isoformat()}'"
        self._write(self._empty(), mode="overwrite", predicate=f"{months} AND {times}", commit=commit(notes))

    def rewrite(self, rows: pl.DataFrame, notes: Mapping[str, int] | None = None) -> None:
        """Replace all rows and columns by those of `rows`, in one commit that carries these notes."""
        self._write(rows, mode="overwrite", schema_mode="overwrite", commit=commit(notes or {}))

    def changed_spans(self, since: int) -> list[Span] | None:
        """Return spans of time outside of which no row has changed since a version; None if that is unknown."""
        table = self.open()
        if table is None or table.version() < since:
            return None
        spans: list[Span] = []
        for commit_info in table.history(table.version() - since) if table.version() > since else ():
            span = commit_info.get(CHANGED_SPAN, NO_SPAN if commit_info["operation"] in ROW_PRESERVING else None)
            if span is None:
                return None
            if span != NO_SPAN:
                low, high = (datetime.fromisoformat(time) for time in span.split())
                spans.append((low, high))
        return spans

    def max_value(self, column: str) -> object:
        """Return the largest value of a key from the statistics of the files; None if there is none."""
        table = self.open()
        files = pl.DataFrame(table.get_add_actions(flatten=True)) if table else pl.DataFrame()
        return files[f"max.{column}"].max() if f"max.{column}" in files.columns else None

    def rows_and_newest(self) -> tuple[int, datetime | None]:
        """Return the number of rows and the largest time; 0 and None for a table without rows.

        In a folder, only the files that can hold the largest time are read: their statistics are cut to milliseconds.
        """
        table, newest = self.open(), f"max.{self.time}"
        if table is None:
            return 0, None
        files = pl.DataFrame(table.get_add_actions(flatten=True))
        if "://" in self.uri or newest not in files.columns:
            rows, time = self.scan().select(pl.len(), pl.col(self.time).max()).collect().row(0)
            return rows, time
        latest = files.filter(pl.col(newest) == pl.col(newest).max())["path"]
        paths = [Path(self.uri) / unquote(file) for file in latest]
        times = pl.scan_parquet(paths, hive_partitioning=False).select(pl.col(self.time).max()) if paths else None
        return int(files["num_records"].sum()), None if times is None else times.collect().item()

    def open(self) -> DeltaTable | None:
        """Open the table with Delta's library; None if it does not exist."""
        if self.pinned_version is not None and self.pinned_version < 0:
            return None
        table_class = DeltaTable if "://" in self.uri else LocalTable
        try:
            return table_class(self.uri, version=self.pinned_version, storage_options=dict(self.storage_options))
        except TableNotFoundError:
            return None

    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=dict(self.keys))

    def _write(
        self,
        rows: pl.DataFrame,
        *,
        mode: Literal["append", "overwrite"],
        commit: CommitProperties,
        schema_mode: Literal["merge", "overwrite"] = "merge",
        predicate: str | None = None,
    ) -> None:
        with translate_disk_full(self.uri):
            write_deltalake(
                self.uri,
                self._dated(rows),
                mode=mode,  # type: ignore[arg-type]  # the overloads accept each mode, but no union of them
                schema_mode=schema_mode,
                predicate=predicate,
                partition_by=[MONTH],
                configuration={STATISTICS: ",".join(self.keys), **KEEP_LOG},
                storage_options=dict(self.storage_options),
                writer_properties=WRITER,
                commit_properties=commit,
            )

    def _dated(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the month, sort by month and keys, and cast unsigned integers, which Delta lacks, to signed ones."""
        month = pl.col(self.time).dt.strftime(MONTH_FORMAT).fill_null(NO_MONTH)
        signed = cs.unsigned_integer().cast(pl.Int32)
        return rows.with_columns(signed, month.alias(MONTH)).sort(MONTH, *self.keys, maintain_order=True)


def commit(notes: Mapping[str, int], changed_span: str | None = None) -> CommitProperties:
    """Return the properties of a commit with these notes and the span of its changes, None if that is unknown."""
    transactions = [Transaction(name, number) for name, number in notes.items()]
    metadata = None if changed_span is None else {CHANGED_SPAN: changed_span}
    return CommitProperties(app_transactions=transactions, custom_metadata=metadata)


def _span_text(low: object, high: object) -> str:
    assert isinstance(low, datetime), "there is a first time"
    assert isinstance(high, datetime), "there is a last time"
    return f"{low.isoformat()} {high.isoformat()}"


def month_of(time: datetime) -> str:
    """Return the month of a UTC time, as YYYY-MM."""
    return time.strftime(MONTH_FORMAT)


def within(time: str, start: datetime | None, end: datetime | None) -> pl.Expr:
    """Return the filter start <= time <= end, which lets readers skip whole months."""
    is_within = pl.lit(value=True)
    if start is not None:
        is_within &= (pl.col(MONTH) >= month_of(start)) & (pl.col(time) >= start)
    if end is not None:
        is_within &= (pl.col(MONTH) <= month_of(end)) & (pl.col(time) <= end)
    return is_within
