"""Reads the cells of text files: times, numbers and missing values, as the settings say they are written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from data.errors import ColumnError
from data.readers.csv_blocks import ROW
from data.schema import UNREADABLE, UNREADABLE_TYPE, UTC

if TYPE_CHECKING:
    from data.readers.column_mapping import Mapped, Shape
    from data.readers.csv_blocks import CsvBlock

ISO: Final = "iso"
EPOCHS: Final = {"s": 1_000_000.0, "ms": 1_000.0}  # microseconds
OFFSETS: Final = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
LOCAL: Final = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M")
MISSING: Final = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "-")
ENOUGH: Final = 20  # values none of which can be read: it is the column that is wrong
LARGEST: Final = 9e18  # microseconds that 64 bits hold
MISFIT: Final = "has another number of fields than the header"
OF_TIMES: Final = (
    'set source.csv.zone, such as "UTC", for times without an offset, or source.csv.time to how they are written'
)
OF_NUMBERS: Final = "say how numbers are written under [source.csv], or leave the column out (metrics.ignore)"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are written.

    `time` is "iso" (ISO 8601), "s" or "ms" (since 1970), or a format for strptime; times without an offset are
    local to `zone`, and can't be read if there is none. `missing` are the words for 'no value'.
    """

    time: str = ISO
    zone: str = ""
    missing: tuple[str, ...] = MISSING
    decimal: Literal[".", ","] = "."
    delimiter: str = ","

    def times(self, text: pl.Expr) -> pl.Expr:
        """Read times; what can't be read becomes null."""
        if self.time in EPOCHS:
            micros = text.cast(pl.Float64, strict=False) * EPOCHS[self.time]
            return pl.when(micros.abs() < LARGEST).then(micros.round()).cast(pl.Int64).cast(pl.Datetime("us")).cast(UTC)
        if self.time == ISO:
            joined = text.str.replace(" ", "T", literal=True)
            known = [_zoned(joined, layout) for layout in OFFSETS]
            local = [self._local(joined, layout) for layout in LOCAL] if self.zone else []
            days = [self._local(text + "T00:00", LOCAL[1])] if self.zone else []
            return pl.coalesce(*known, *local, *days)
        return _zoned(text, self.time) if "%z" in self.time else self._local(text, self.time)

    def numbers(self, text: pl.Expr) -> pl.Expr:
        """Read numbers; what can't be read becomes null."""
        if self.decimal == ",":
            text = pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))
        return text.cast(pl.Float64, strict=False)

    def texts(self, raw: pl.Expr) -> pl.Expr:
        """Strip a cell of blanks; one that holds a word for 'no value' becomes null."""
        text = raw.str.strip_chars()
        return pl.when(~text.is_in(self.missing)).then(text)

    @property
    def time_words(self) -> str:
        """Say what a time should be."""
        if self.time in EPOCHS:
            return f"number of {self.time} since 1970"
        place = f", of {self.zone} if it has no offset" if self.zone else " with an offset such as Z or +01:00"
        return f"ISO 8601 time{place}" if self.time == ISO else f"time written as {self.time}"

    def _local(self, text: pl.Expr, layout: str) -> pl.Expr:
        """Read times without an offset; of the two that an hour set back can mean, the later is meant."""
        found = text.str.to_datetime(layout, time_unit="us", strict=False)
        return found.dt.replace_time_zone(self.zone or "UTC", ambiguous="latest", non_existent="null").cast(UTC)


def _zoned(text: pl.Expr, layout: str) -> pl.Expr:
    return text.str.to_datetime(layout, time_unit="us", strict=False, time_zone="UTC").cast(UTC)


def kinds(shape: Shape, own: tuple[str, ...], canonical: dict[str, str]) -> dict[str, pl.DataType]:
    """Tell what each column of a text file is read as, by its canonical name."""
    names = {column: canonical.get(column, column) for column in own}
    return {column: _kind(shape, name) for column, name in names.items()}


def _kind(shape: Shape, name: str) -> pl.DataType:
    if name in shape.times:
        return UTC
    return pl.Float64() if shape.others_are_metrics and name not in shape.texts else pl.String()


def read(where: str, block: CsvBlock, mapped: Mapped, dialect: Dialect) -> pl.DataFrame:
    """Read a block of text in the canonical columns; cells and rows that can't be read are listed in UNREADABLE.

    Raises:
        ColumnError: if a column has many values and not one of them can be read.
    """
    text = block.rows.select(ROW, *(dialect.texts(pl.col(own)).alias(name) for name, own in mapped.own.items()))
    kind = {name: _kind(mapped.shape, name) for name in mapped.own}
    typed = text.select(_typed(name, kind[name], dialect) for name in mapped.own)
    is_lost = {name: typed[name].is_null() & text[name].is_not_null() for name in mapped.own if kind[name] != pl.String}
    lost = [name for name, mask in is_lost.items() if mask.any()]
    if not lost and not block.misfits:
        return typed
    for name in lost:
        told = (mapped.own[name], _fault(name, kind[name], dialect), OF_TIMES if kind[name] == UTC else OF_NUMBERS)
        _require_some(where, text[name], is_lost[name], told)
    found = [
        pl.when(is_lost[name]).then(_entry(name, pl.col(name), _fault(name, kind[name], dialect), where))
        for name in lost
    ]
    listed = text.select(pl.concat_list(found).list.drop_nulls().alias(UNREADABLE)) if found else None
    return pl.concat([typed if listed is None else _with(typed, listed), _misfits(where, block)], how="diagonal")


def _typed(name: str, kind: pl.DataType, dialect: Dialect) -> pl.Expr:
    if kind == UTC:
        return dialect.times(pl.col(name)).alias(name)
    return dialect.numbers(pl.col(name)).alias(name) if kind == pl.Float64 else pl.col(name)


def _fault(name: str, kind: pl.DataType, dialect: Dialect) -> str:
    return f"has a value of {name} that is no " + (dialect.time_words if kind == UTC else "number")


def _entry(name: str, value: pl.Expr, fault: str, where: str) -> pl.Expr:
    at = pl.format("{}, row {}", pl.lit(PurePath(where).name), pl.col(ROW))
    return pl.struct(pl.lit(name).alias("column"), value.alias("value"), pl.lit(fault).alias("fault"), at.alias("at"))


def _with(typed: pl.DataFrame, listed: pl.DataFrame) -> pl.DataFrame:
    entries = pl.when(pl.col(UNREADABLE).list.len() > 0).then(pl.col(UNREADABLE)).cast(UNREADABLE_TYPE)
    return pl.concat([typed, listed.select(entries)], how="horizontal")


def _misfits(where: str, block: CsvBlock) -> pl.DataFrame:
    entries = [
        [{"column": "", "value": misfit.text, "fault": MISFIT, "at": f"{PurePath(where).name}, row {misfit.row}"}]
        for misfit in block.misfits
    ]
    return pl.DataFrame({UNREADABLE: entries}, schema={UNREADABLE: UNREADABLE_TYPE})


def _require_some(where: str, text: pl.Series, is_lost: pl.Series, told: tuple[str, str, str]) -> None:
    """Raise ColumnError if a column has many values, and all of them are lost."""
    values = text.drop_nulls()
    if len(values) >= ENOUGH and int(is_lost.sum()) == len(values):
        column, fault, fix = told
        raise ColumnError(
            f"{where}: column {column} {fault}, in each of its first {len(values):,} rows; the first is {values[0]!r}",
            fix=fix,
        )
