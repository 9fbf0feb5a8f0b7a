"""Parses the cells of text files: times, numbers and missing values in the notation that the settings describe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from data.errors import ColumnError
from data.readers.csv_blocks import ROW
from data.schema import UNREADABLE, UNREADABLE_TYPE, UTC

if TYPE_CHECKING:
    from data.readers.column_mapping import ColumnMapping, TableSpec
    from data.readers.csv_blocks import CsvBlock

ISO: Final = "iso"
MICROSECONDS: Final = {"s": 1_000_000.0, "ms": 1_000.0}  # per unit of times since 1970
OFFSETS: Final = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
LOCAL: Final = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M")
MISSING: Final = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "-")
MIN_VALUES: Final = 20  # if at least so many values are all unreadable, the column itself is wrong
MAX_MICROSECONDS: Final = 9e18  # that fit into 64 bits
MALFORMED: Final = "has another number of fields than the header"
TIME_FIX: Final = (
    'set source.csv.zone, such as "UTC", for times without an offset, or source.csv.time to how they are written'
)
NUMBER_FIX: Final = "describe how numbers are written under [source.csv], or leave the column out (metrics.ignore)"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The notation of cells.

    `time` is "iso" (ISO 8601), "s" or "ms" (since 1970), or a format for strptime. Times without an offset are local to
    `zone`, and unreadable without a zone. `missing` are the words for 'no value'.
    """

    time: str = ISO
    zone: str = ""
    missing: tuple[str, ...] = MISSING
    decimal: Literal[".", ","] = "."
    delimiter: str = ","

    def times(self, text: pl.Expr) -> pl.Expr:
        """Parse times; unreadable ones become null."""
        if self.time in MICROSECONDS:
            micros = text.cast(pl.Float64, strict=False) * MICROSECONDS[self.time]
            fits = micros.abs() < MAX_MICROSECONDS
            return pl.when(fits).then(micros.round()).cast(pl.Int64).cast(pl.Datetime("us")).cast(UTC)
        if self.time == ISO:
            joined = text.str.replace(" ", "T", literal=True)
            zoned = [_zoned(joined, time_format) for time_format in OFFSETS]
            local = [self._local(joined, time_format) for time_format in LOCAL] if self.zone else []
            days = [self._local(text + "T00:00", LOCAL[1])] if self.zone else []
            return pl.coalesce(*zoned, *local, *days)
        return _zoned(text, self.time) if "%z" in self.time else self._local(text, self.time)

    def numbers(self, text: pl.Expr) -> pl.Expr:
        """Parse numbers; unreadable ones become null."""
        if self.decimal == ",":
            text = pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))
        return text.cast(pl.Float64, strict=False)

    def texts(self, raw: pl.Expr) -> pl.Expr:
        """Strip blanks; the words for 'no value' become null."""
        text = raw.str.strip_chars()
        return pl.when(~text.is_in(self.missing)).then(text)

    @property
    def time_description(self) -> str:
        """The expected notation of a time, as text."""
        if self.time in MICROSECONDS:
            return f"number of {self.time} since 1970"
        offset = f", of {self.zone} if it has no offset" if self.zone else " with an offset such as Z or +01:00"
        return f"ISO 8601 time{offset}" if self.time == ISO else f"time written as {self.time}"

    def _local(self, text: pl.Expr, time_format: str) -> pl.Expr:
        """Parse times without an offset; a time that is ambiguous because clocks were set back is the later one."""
        local = text.str.to_datetime(time_format, time_unit="us", strict=False)
        return local.dt.replace_time_zone(self.zone or "UTC", ambiguous="latest", non_existent="null").cast(UTC)


def _zoned(text: pl.Expr, time_format: str) -> pl.Expr:
    return text.str.to_datetime(time_format, time_unit="us", strict=False, time_zone="UTC").cast(UTC)


def column_types(spec: TableSpec, columns: tuple[str, ...], canonical: dict[str, str]) -> dict[str, pl.DataType]:
    """Return the type as which each column of a text file is parsed; `canonical` is {name in the file: canonical}."""
    return {column: _column_type(spec, canonical.get(column, column)) for column in columns}


def _column_type(spec: TableSpec, name: str) -> pl.DataType:
    if name in spec.times:
        return UTC
    return pl.Float64() if spec.has_metrics and name not in spec.texts else pl.String()


def parse(where: str, block: CsvBlock, mapping: ColumnMapping, dialect: Dialect) -> pl.DataFrame:
    """Parse a block of text into the canonical columns; unreadable cells and rows are listed in UNREADABLE.

    Raises:
        ColumnError: if a column has many values and none of them can be read.
    """
    names = mapping.source_names
    text = block.rows.select(ROW, *(dialect.texts(pl.col(column)).alias(name) for name, column in names.items()))
    types = {name: _column_type(mapping.spec, name) for name in names}
    parsed = text.select(_parsed(name, types[name], dialect) for name in names)
    is_lost = {name: parsed[name].is_null() & text[name].is_not_null() for name in names if types[name] != pl.String}
    is_lost = {name: mask for name, mask in is_lost.items() if mask.any()}
    if not is_lost and not block.malformed:
        return parsed
    faults = {name: _fault(name, types[name], dialect) for name in is_lost}
    for name, mask in is_lost.items():
        values = text[name].drop_nulls()
        if len(values) >= MIN_VALUES and int(mask.sum()) == len(values):
            rows = f"in each of its first {len(values):,} rows; the first is {values[0]!r}"
            fix = TIME_FIX if types[name] == UTC else NUMBER_FIX
            raise ColumnError(f"{where}: column {names[name]} {faults[name]}, {rows}", fix=fix)
    if is_lost:
        entries = [
            pl.when(mask).then(_entry(name, pl.col(name), faults[name], where)) for name, mask in is_lost.items()
        ]
        lists = text.select(pl.concat_list(entries).list.drop_nulls().alias(UNREADABLE))
        parsed = _with_unreadable(parsed, lists)
    return pl.concat([parsed, _malformed_rows(where, block)], how="diagonal")


def _parsed(name: str, dtype: pl.DataType, dialect: Dialect) -> pl.Expr:
    if dtype == UTC:
        return dialect.times(pl.col(name)).alias(name)
    return dialect.numbers(pl.col(name)).alias(name) if dtype == pl.Float64 else pl.col(name)


def _fault(name: str, dtype: pl.DataType, dialect: Dialect) -> str:
    return f"has a value of {name} that is no " + (dialect.time_description if dtype == UTC else "number")


def _entry(name: str, value: pl.Expr, fault: str, where: str) -> pl.Expr:
    """Return the entry of an unreadable cell, with the fields of UNREADABLE_TYPE."""
    place = pl.format("{}, row {}", pl.lit(PurePath(where).name), pl.col(ROW))
    return pl.struct(
        pl.lit(name).alias("column"), value.alias("value"), pl.lit(fault).alias("fault"), place.alias("at")
    )


def _with_unreadable(parsed: pl.DataFrame, lists: pl.DataFrame) -> pl.DataFrame:
    """Add the lists of entries as the column UNREADABLE; empty lists become null."""
    entries = pl.when(pl.col(UNREADABLE).list.len() > 0).then(pl.col(UNREADABLE)).cast(UNREADABLE_TYPE)
    return pl.concat([parsed, lists.select(entries)], how="horizontal")


def _malformed_rows(where: str, block: CsvBlock) -> pl.DataFrame:
    file = PurePath(where).name
    entries = [
        [{"column": "", "value": row.text, "fault": MALFORMED, "at": f"{file}, row {row.number}"}]
        for row in block.malformed
    ]
    return pl.DataFrame({UNREADABLE: entries}, schema={UNREADABLE: UNREADABLE_TYPE})
