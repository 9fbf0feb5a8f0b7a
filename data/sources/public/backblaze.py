"""Backblaze's drive statistics as a source: one CSV file for each day since 2013, with a row for each drive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import ColumnError, EmptyTableError
from data.readers import csv_blocks, csv_values, defaults
from data.readers.column_mapping import ColumnMapping, TableSpec
from data.readers.csv_values import Dialect
from data.schema import BLIND_SCHEMA, NODE, TS, UNREADABLE, UNREADABLE_TYPE
from data.sources.public.backblaze_census import Census
from data.sources.public.backblaze_files import DailyFile, find_daily_files
from data.sources.public.change_filter import ChangeFilter
from data.time_grid import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

POWER_ON_HOURS: Final = "power_on_hours"
SMART: Final = (5, 10, 12, 187, 188, 189, 196, 197, 198)
BATCH_CELLS: Final = 1 << 22
DIALECT: Final = Dialect(time="%Y-%m-%d", zone="UTC")
DRIVES: Final = TableSpec("drives", (), frozenset({TS}), frozenset({NODE, "hardware"}), has_metrics=True)
SNAPSHOT: Final = TableSpec("telemetry", (), frozenset({TS}), frozenset({NODE}), has_metrics=True)
KEY_COLUMNS: Final = {NODE: "serial_number", TS: "date"}
DRIVE_COLUMNS: Final = KEY_COLUMNS | {"hardware": "model", "failure": "failure", "capacity": "capacity_bytes"}
WRONG_DAY: Final = "has a date that is not its file's"


@dataclass(frozen=True)  # no slots: the census, a pass over every file, is cached
class BackblazeSource:
    """Reads the daily files at `path`: a file, or a folder with .csv, .csv.gz and the quarterly .zip files.

    A drive is a node. The row of a day was recorded during the day, so it is available `delay` after the end of the
    day. With `changes_only`, a row is returned only if one of the SMART values `smart` differs from the drive's last
    one; it includes the power-on hours (SMART 9), whose changes do not count.
    """

    path: Path
    delay: timedelta = timedelta(0)
    ignored: tuple[str, ...] = ()
    label: str = ""
    smart: tuple[int, ...] = SMART
    changes_only: bool = True

    @property
    def name(self) -> str:
        """The label, or else the name of the folder."""
        return self.label or self.path.resolve().name

    def check(self) -> None:
        """Check that there are daily files, and that the first and the last one can be read.

        Raises:
            SourceFileError: if there is none, or one of the two can't be read.
            ColumnError: if a column is missing, or none of its values can be read.
            EmptyTableError: if neither has a row.
        """
        files = find_daily_files(self.path)
        heights = [frame.height for file in {files[0], files[-1]} for frame in _read(file, DRIVES, DRIVE_COLUMNS)]
        if not any(heights):
            raise EmptyTableError(self.path)

    def telemetry(self) -> Iterator[pl.DataFrame]:
        """Yield batches of bounded size: node, ts (the day's beginning), available_at and the metrics."""
        for batch in defaults.join_small(self._snapshots(), BATCH_CELLS):
            yield defaults.telemetry(batch, DAY + self.delay)

    def events(self) -> pl.DataFrame:
        """Return the failures, each on the day that marks it; it ended if the drive is listed again later."""
        return defaults.events(self._census.events(), (), self.name)

    def nodes(self) -> pl.DataFrame:
        """Return the drives, observed from the day of their first row to that of their last."""
        return defaults.nodes(self._census.nodes(), ("size_tb",))

    def blind(self) -> pl.DataFrame:
        """Return no blind period: a day without a file hides nothing of drives that are listed on the next day."""
        return pl.DataFrame(schema=BLIND_SCHEMA)

    @cached_property
    def _census(self) -> Census:
        """Collect the drives and their failures from every file."""
        census = Census.empty()
        for file in find_daily_files(self.path):
            for frame in defaults.join_small(_read(file, DRIVES, DRIVE_COLUMNS), BATCH_CELLS):
                census = census.after(frame.filter(pl.col(TS) == file.date))
        return census

    @property
    def _metrics(self) -> dict[str, str]:
        """The metrics, as {name: column of the files}."""
        columns = [f"smart_{number}_raw" for number in self.smart]
        metrics = {POWER_ON_HOURS: "smart_9_raw"} | {column: column for column in columns}
        return {name: column for name, column in metrics.items() if name not in self.ignored}

    def _snapshots(self) -> Iterator[pl.DataFrame]:
        metrics = self._metrics
        last = ChangeFilter.empty([name for name in metrics if name != POWER_ON_HOURS])
        for file in find_daily_files(self.path):
            for frame in defaults.join_small(_read(file, SNAPSHOT, KEY_COLUMNS | metrics), BATCH_CELLS):
                rows = _without_wrong_days(frame, file)
                if self.changes_only:
                    last, rows = last.after(rows), last.changed(rows)
                yield rows


def _read(file: DailyFile, spec: TableSpec, columns: Mapping[str, str]) -> Iterator[pl.DataFrame]:
    """Yield columns of a daily file, as {name: column of the file}; columns that the file lacks are null."""
    header = csv_blocks.read_header(file.csv)
    missing = set(KEY_COLUMNS.values()) - set(header)
    if missing:
        raise ColumnError.missing(file.csv.name, missing, header)
    mapping = ColumnMapping(spec, {name: column for name, column in columns.items() if column in header})
    nulls = {name: pl.lit(None, pl.String if name in spec.texts else pl.Float64).alias(name) for name in columns}
    for block in csv_blocks.read_blocks(file.csv, list(mapping.source_names.values())):
        frame = csv_values.parse(file.csv.name, block, mapping, DIALECT)
        yield frame.with_columns(null for name, null in nulls.items() if name not in frame.columns)


def _without_wrong_days(rows: pl.DataFrame, file: DailyFile) -> pl.DataFrame:
    """Make the time of rows of another day null, and list it as unreadable."""
    is_wrong = rows[TS].is_not_null() & (rows[TS] != file.date)
    if not is_wrong.any():
        return rows
    entry = pl.concat_list(
        pl.struct(
            pl.lit(TS).alias("column"),
            pl.col(TS).dt.to_string("%Y-%m-%d").alias("value"),
            pl.lit(WRONG_DAY).alias("fault"),
            pl.lit(file.csv.name).alias("at"),
        )
    ).cast(UNREADABLE_TYPE)
    others = pl.col(UNREADABLE) if UNREADABLE in rows.columns else pl.lit(None, UNREADABLE_TYPE)
    return rows.with_columns(
        pl.when(is_wrong).then(entry).otherwise(others).alias(UNREADABLE), pl.when(~is_wrong).then(TS).alias(TS)
    )
