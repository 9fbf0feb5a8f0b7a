"""Delta Lake tables by month: atomic commits for one writer, a consistent version for every reader."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
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

# Level 1 writes M100's buckets in half the time of level 3, for the same size.
WRITER: Final = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=1 << 17)
STATISTICS: Final = "delta.dataSkippingStatsColumns"
KEEP_LOG: Final = {"delta.enableExpiredLogCleanup": "false"}  # without its log an old version can't be read
MONTH_FORMAT: Final = "%Y-%m"
NO_MONTH: Final = "undated"
TOUCHED: Final = "touched"  # of a commit: the first and the last time of the rows that it may have changed
NOTHING: Final = ""
UPKEEP: Final = frozenset({"OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES"})  # change no row
Span = tuple["datetime", "datetime"]


class LocalTable(DeltaTable):
    """A Delta table in a folder, whose files are named as the file system knows them.

    Delta names them percent-encoded, and Polars takes the names literally: it would find nothing below a
    folder that has a space or an accent in its name.
    """

    def file_uris(self, *args: Any, **options: Any) -> list[str]:  # noqa: ANN401  - passed on as they are
        """List the files."""
        return [unquote(file) for file in super().file_uris(*args, **options)]


@dataclass(frozen=True, slots=True)
class Table:
    """A table at a path or URL, partitioned by the month of its column `time`.

    `keys` are the columns, with their types, that the table has before anything is written. A pinned table
    is read as it was at that version.
    """

    uri: str
    time: str
    keys: Mapping[str, pl.DataType]
    storage_options: Mapping[str, str] = field(default_factory=dict)
    pin: int | None = None

    @property
    def name(self) -> str:
        """Give the last part of the path."""
        return self.uri.rpartition("/")[2]

    def pinned(self, version: int) -> Table:
        """Give the table as it was at a version; at -1 there was none."""
        return replace(self, pin=version)

    def version(self) -> int:
        """Give the newest version, or the pinned one; -1 while there is no table."""
        table = self.handle()
        return table.version() if table else -1

    def schema(self) -> pl.Schema:
        """Give the columns, without the month."""
        schema = self.scan().collect_schema()
        return pl.Schema((name, kind) for name, kind in schema.items() if name != MONTH)

    def months(self) -> list[str]:
        """List the months that hold rows, as YYYY-MM."""
        table = self.handle()
        return sorted(part[MONTH] for part in table.partitions()) if table else []

    def noted(self, note: str) -> int | None:
        """Give the number that the newest commit with this note carried."""
        table = self.handle()
        return table.transaction_version(note) if table else None

    def scan(self) -> pl.LazyFrame:
        """Read lazily, from one version; with the month."""
        table = self.handle()
        return pl.scan_delta(table) if table else pl.LazyFrame(schema={**self.keys, MONTH: pl.String()})

    def select(self, columns: Iterable[str]) -> pl.LazyFrame:
        """Read the keys, the month and some other columns lazily.

        Raises:
            ColumnError: if the table has no such column.
        """
        frame = self.scan()
        names = frame.collect_schema().names()
        wanted = [name for name in dict.fromkeys(columns) if name not in self.keys]
        if absent := set(wanted) - set(names):
            raise ColumnError.missing(self.uri, absent, set(names) - {MONTH})
        return frame.select(*self.keys, *wanted, MONTH)

    def append(self, rows: pl.DataFrame) -> None:
        """Add rows in one commit, and columns that are new; nothing is written for no row."""
        if rows.height:
            times = rows[self.time]
            touched = None if times.null_count() else _told(times.min(), times.max())
            self._write(rows, mode="append", commit=commit({}, touched))

    def note(self, numbers: Mapping[str, int]) -> None:
        """Make a commit that changes no row and carries these numbers."""
        self._write(self._empty(), mode="append", commit=commit(numbers, NOTHING))

    def replace(self, rows: pl.DataFrame, low: datetime, high: datetime) -> None:
        """Put `rows` in the place of all rows with low <= time <= high, in one commit."""
        months = f"{MONTH} >= '{month_of(low)}' AND {MONTH} <= '{month_of(high)}'"
        times = f"{self.time} >= '{low.isoformat()}' AND {self.time} <= '{high.isoformat()}'"
        self._write(rows, mode="overwrite", predicate=f"{months} AND {times}", commit=commit({}, _told(low, high)))

    def cut(self, after: datetime, note: Mapping[str, int]) -> None:
        """Take away all rows with time > after, in one commit that carries these numbers."""
        months = f"{MONTH} >= '{month_of(after)}'"
        times = f"{self.time} > '{after.isoformat()}'"
        self._write(self._empty(), mode="overwrite", predicate=f"{months} AND {times}", commit=commit(note))

    def rewrite(self, rows: pl.DataFrame, note: Mapping[str, int] | None = None) -> None:
        """Put `rows` in the place of all rows, and their columns in the place of all columns."""
        self._write(rows, mode="overwrite", schema_mode="overwrite", commit=commit(note or {}))

    def touched(self, since: int) -> list[Span] | None:
        """Give spans of time outside of which every row is as it was at a version; None if nobody can tell."""
        table = self.handle()
        if table is None or table.version() < since:
            return None
        spans: list[Span] = []
        for made in table.history(table.version() - since) if table.version() > since else ():
            told = made.get(TOUCHED, NOTHING if made["operation"] in UPKEEP else None)
            if told is None:
                return None
            if told != NOTHING:
                low, high = (datetime.fromisoformat(moment) for moment in told.split())
                spans.append((low, high))
        return spans

    def largest(self, column: str) -> object:
        """Give the largest value of a key, as the files' statistics have it; None if there is none."""
        table = self.handle()
        files = pl.DataFrame(table.get_add_actions(flatten=True)) if table else pl.DataFrame()
        return files[f"max.{column}"].max() if f"max.{column}" in files.columns else None

    def handle(self) -> DeltaTable | None:
        """Open the table with Delta's own library; None while there is none."""
        if self.pin is not None and self.pin < 0:
            return None
        kind = DeltaTable if "://" in self.uri else LocalTable
        try:
            return kind(self.uri, version=self.pin, storage_options=dict(self.storage_options))
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
                mode=mode,  # type: ignore[arg-type]  # its overloads know each mode, but no union of them
                schema_mode=schema_mode,
                predicate=predicate,
                partition_by=[MONTH],
                configuration={STATISTICS: ",".join(self.keys), **KEEP_LOG},
                storage_options=dict(self.storage_options),
                writer_properties=WRITER,
                commit_properties=commit,
            )

    def _dated(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the month, sort as readers like it, and turn unsigned integers, which Delta lacks, into signed ones."""
        month = pl.col(self.time).dt.strftime(MONTH_FORMAT).fill_null(NO_MONTH)
        signed = cs.unsigned_integer().cast(pl.Int32)
        return rows.with_columns(signed, month.alias(MONTH)).sort(MONTH, *self.keys, maintain_order=True)


def commit(note: Mapping[str, int], touched: str | None = None) -> CommitProperties:
    """Have a commit carry these numbers, and say which times it touched; None where that is not known."""
    numbers = [Transaction(name, number) for name, number in note.items()]
    return CommitProperties(app_transactions=numbers, custom_metadata=None if touched is None else {TOUCHED: touched})


def _told(low: object, high: object) -> str:
    assert isinstance(low, datetime), "there is a first time"
    assert isinstance(high, datetime), "there is a last time"
    return f"{low.isoformat()} {high.isoformat()}"


def month_of(moment: datetime) -> str:
    """Name the month that a UTC time belongs to."""
    return moment.strftime(MONTH_FORMAT)


def within(time: str, start: datetime | None, end: datetime | None) -> pl.Expr:
    """Keep start <= time <= end, and let whole months be skipped."""
    keep = pl.lit(value=True)
    if start is not None:
        keep &= (pl.col(MONTH) >= month_of(start)) & (pl.col(time) >= start)
    if end is not None:
        keep &= (pl.col(MONTH) <= month_of(end)) & (pl.col(time) <= end)
    return keep
