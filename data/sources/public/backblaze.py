"""Backblaze's drive statistics as a source: one CSV file a day with a row for each drive, from 2013 to this day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import ColumnError, EmptyTableError
from data.readers import csv_blocks, csv_values, defaults
from data.readers.column_mapping import Mapped, Shape
from data.readers.csv_values import Dialect
from data.schema import BLIND_SCHEMA, NODE, TS, UNREADABLE, UNREADABLE_TYPE
from data.sources.public.backblaze_census import Census
from data.sources.public.backblaze_files import Day, find_days
from data.sources.public.change_filter import ChangeFilter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DAY: Final = timedelta(days=1)
POWER_ON_HOURS: Final = "power_on_hours"
SMART: Final = (5, 10, 12, 187, 188, 189, 196, 197, 198)
BATCH_CELLS: Final = 1 << 22
DIALECT: Final = Dialect(time="%Y-%m-%d", zone="UTC")
DRIVES: Final = Shape("drives", (), frozenset({TS}), frozenset({NODE, "hardware"}), others_are_metrics=True)
SNAPSHOT: Final = Shape("telemetry", (), frozenset({TS}), frozenset({NODE}), others_are_metrics=True)
KEYS: Final = {NODE: "serial_number", TS: "date"}
ABOUT: Final = KEYS | {"hardware": "model", "failure": "failure", "capacity": "capacity_bytes"}
WRONG_DAY: Final = "has a date that is not its file's"


@dataclass(frozen=True)  # no slots: the census, a pass over every file, is kept
class BackblazeSource:
    """Reads the daily files at `path`: a file, or a folder with .csv, .csv.gz and the quarterly .zip files.

    A drive is a node. A day's row was taken during the day, so it is known `delay` after the day's end. With
    `changes_only`, a row is given when one of the SMART values `smart` differs from the drive's last one; power-on
    hours (SMART 9) go with it, but count as no change.
    """

    path: Path
    delay: timedelta = timedelta(0)
    ignored: tuple[str, ...] = ()
    label: str = ""
    smart: tuple[int, ...] = SMART
    changes_only: bool = True

    @property
    def name(self) -> str:
        """Name the source: its label, or else its folder."""
        return self.label or self.path.resolve().name

    def check(self) -> None:
        """Check that there are daily files, and that the first and the last can be read.

        Raises:
            SourceFileError: if there is none, or one of the two can't be read.
            ColumnError: if a column is missing, or none of its values can be read.
            EmptyTableError: if neither holds a row.
        """
        days = find_days(self.path)
        heights = [frame.height for day in {days[0], days[-1]} for frame in _read(day, DRIVES, ABOUT)]
        if not any(heights):
            raise EmptyTableError(self.path)

    def telemetry(self) -> Iterator[pl.DataFrame]:
        """Yield batches of bounded size: node, ts (the day's beginning), available_at and the metrics."""
        for batch in defaults.gathered(self._snapshots(), BATCH_CELLS):
            yield defaults.telemetry(batch, DAY + self.delay)

    def events(self) -> pl.DataFrame:
        """Give the failures, each on the day that marks it; a drive that came back ended its own."""
        return defaults.events(self._census.events(), (), self.name)

    def nodes(self) -> pl.DataFrame:
        """Give the drives, from the day of their first row to that of their last."""
        return defaults.nodes(self._census.nodes(), ("size_tb",))

    def blind(self) -> pl.DataFrame:
        """Give no blind period: a day without a file hides nothing of the drives that are there on the next."""
        return pl.DataFrame(schema=BLIND_SCHEMA)

    @cached_property
    def _census(self) -> Census:
        """Pass over every file for who was there and who failed."""
        census = Census.empty()
        for day in find_days(self.path):
            for frame in defaults.gathered(_read(day, DRIVES, ABOUT), BATCH_CELLS):
                census = census.after(frame.filter(pl.col(TS) == day.date))
        return census

    @property
    def _metrics(self) -> dict[str, str]:
        """Give the metrics and the files' own names of them."""
        all_ = {POWER_ON_HOURS: "smart_9_raw"} | {f"smart_{number}_raw": f"smart_{number}_raw" for number in self.smart}
        return {name: own for name, own in all_.items() if name not in self.ignored}

    def _snapshots(self) -> Iterator[pl.DataFrame]:
        metrics = self._metrics
        held = ChangeFilter.nothing([name for name in metrics if name != POWER_ON_HOURS])
        for day in find_days(self.path):
            for frame in defaults.gathered(_read(day, SNAPSHOT, KEYS | metrics), BATCH_CELLS):
                rows = _of_the_day(frame, day)
                if self.changes_only:
                    held, rows = held.after(rows), held.changed(rows)
                yield rows


def _read(day: Day, shape: Shape, wanted: Mapping[str, str]) -> Iterator[pl.DataFrame]:
    """Read the wanted columns of a day's file; over the years some came and went, and those are null."""
    found = csv_blocks.header(day.sheet)
    missing = set(KEYS.values()) - set(found)
    if missing:
        raise ColumnError.missing(day.sheet.name, missing, found)
    mapped = Mapped(shape, {name: own for name, own in wanted.items() if own in found})
    absent = [pl.lit(None, pl.String if name in shape.texts else pl.Float64).alias(name) for name in wanted]
    for block in csv_blocks.blocks(day.sheet, list(mapped.own.values())):
        frame = csv_values.read(day.sheet.name, block, mapped, DIALECT)
        yield frame.with_columns(null for null in absent if null.meta.output_name() not in frame.columns)


def _of_the_day(rows: pl.DataFrame, day: Day) -> pl.DataFrame:
    """Take the time away from rows of another day, and say so."""
    is_other = rows[TS].is_not_null() & (rows[TS] != day.date)
    if not is_other.any():
        return rows
    entry = pl.concat_list(
        pl.struct(
            pl.lit(TS).alias("column"),
            pl.col(TS).dt.to_string("%Y-%m-%d").alias("value"),
            pl.lit(WRONG_DAY).alias("fault"),
            pl.lit(day.sheet.name).alias("at"),
        )
    ).cast(UNREADABLE_TYPE)
    known = pl.col(UNREADABLE) if UNREADABLE in rows.columns else pl.lit(None, UNREADABLE_TYPE)
    return rows.with_columns(
        pl.when(is_other).then(entry).otherwise(known).alias(UNREADABLE), pl.when(~is_other).then(TS).alias(TS)
    )
