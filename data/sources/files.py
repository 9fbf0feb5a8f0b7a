"""A folder of Parquet files as a source: history that was exported once, or that another tool keeps writing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import EmptyTableError, SourceFileError
from data.schema import AVAILABLE_AT, BLIND_SCHEMA, EVENT_SCHEMA, NODE, NODE_SCHEMA, TS
from data.sources import parquet
from data.sources.canonical import BLIND, EVENTS, LABELS, NODES, TELEMETRY, Mapped, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

OPTIONAL: Final = frozenset({TELEMETRY.table, BLIND.table})
MAY_BE_EMPTY: Final = frozenset({BLIND.table})
BATCH_CELLS: Final = 1 << 24  # an eighth of a gigabyte at most


@dataclass(frozen=True, slots=True)
class ParquetSource:
    """Reads `events.parquet`, `nodes.parquet` and, where they exist, `telemetry.parquet` and `blind.parquet`.

    `columns` maps each table's canonical columns to the file's own names. A telemetry row without
    `available_at` became known `delay` after its `ts`. With `metrics`, no other column of telemetry is read.
    """

    path: Path
    columns: Mapping[str, Mapping[str, str]]
    delay: timedelta
    metrics: tuple[str, ...] = ()
    label: str = ""

    @property
    def name(self) -> str:
        """Name the source: its label, or else its folder."""
        return self.label or self.path.resolve().name

    def check(self) -> None:
        """Check that the files are there, readable, not empty and of the right columns.

        Raises:
            SourceFileError: if the folder or a file is missing, or a file is no readable Parquet.
            ColumnError: if a column is missing or of the wrong type.
            EmptyTableError: if a table other than blind holds no row.
        """
        if not self.path.is_dir():
            raise SourceFileError(
                self.path, "no such folder", mend="set source.path to the folder of the Parquet files"
            )
        for shape in (NODES, EVENTS, TELEMETRY, BLIND):
            if self._has(shape):
                self._check_table(shape)

    def telemetry(self) -> Iterator[pl.DataFrame]:
        """Yield batches of bounded size: node, ts, available_at and the metrics."""
        if not self._has(TELEMETRY):
            return
        mapped = self._mapped(TELEMETRY)
        columns = list(mapped.own.values())
        for batch in parquet.batches(self._file(TELEMETRY), columns, BATCH_CELLS // len(columns)):
            yield _with_availability(mapped.apply(batch), self.delay)

    def events(self) -> pl.DataFrame:
        """Read the events; what a file does not say is filled in as EVENT_SCHEMA's defaults."""
        absent = {"cause": None, "source": self.name, "recorded_at": None, "end_recorded_at": None}
        frame = self._read(EVENTS, EVENT_SCHEMA, absent)
        recorded = frame.with_columns(pl.coalesce("recorded_at", "start").alias("recorded_at"))
        ended = pl.when(pl.col("end").is_not_null()).then(pl.max_horizontal("end", "recorded_at"))
        return recorded.with_columns(pl.coalesce("end_recorded_at", ended).alias("end_recorded_at"))

    def nodes(self) -> pl.DataFrame:
        """Read the inventory; columns that it has beyond NODE_SCHEMA go into `labels`."""
        absent = dict.fromkeys(("rack", "hardware", "partition", "observed_until", "as_of"))
        return self._read(NODES, NODE_SCHEMA, absent)

    def blind(self) -> pl.DataFrame:
        """Read the blind periods; one that says no more became known at its end."""
        if not self._has(BLIND):
            return pl.DataFrame(schema=BLIND_SCHEMA)
        frame = self._read(BLIND, BLIND_SCHEMA, {"recorded_at": None})
        return frame.with_columns(pl.coalesce("recorded_at", "end").alias("recorded_at"))

    def _file(self, shape: Shape) -> Path:
        return self.path / f"{shape.table}.parquet"

    def _has(self, shape: Shape) -> bool:
        file = self._file(shape)
        return shape.table not in OPTIONAL or file.exists() or file.is_symlink()  # a link to nowhere is a fault

    def _mapped(self, shape: Shape) -> Mapped:
        if shape.others_are_metrics and self.metrics:
            shape = shape.narrowed(self.metrics)
        file = self._file(shape)
        return Mapped.of(file, shape, parquet.schema(file), self.columns.get(shape.table, {}))

    def _check_table(self, shape: Shape) -> None:
        self._mapped(shape)
        if shape.table not in MAY_BE_EMPTY and parquet.row_count(self._file(shape)) == 0:
            raise EmptyTableError(self._file(shape))

    def _read(
        self, shape: Shape, schema: Mapping[str, pl.DataType], defaults: Mapping[str, str | None]
    ) -> pl.DataFrame:
        """Read a small table whole, in its schema; columns that are absent take their default."""
        mapped = self._mapped(shape)
        frame = mapped.apply(parquet.read(self._file(shape)))
        absent = {name: value for name, value in defaults.items() if name not in frame.columns}
        filled = frame.with_columns(pl.lit(value, schema[name]).alias(name) for name, value in absent.items())
        return filled.with_columns(_labels(mapped.others)).select(pl.col(name).cast(schema[name]) for name in schema)


def _labels(others: Sequence[str]) -> pl.Expr:
    """Pack columns into one JSON object a row; a lone `labels` column is one already."""
    if list(others) == [LABELS]:
        return pl.col(LABELS)
    packed = pl.struct(others).struct.json_encode() if others else pl.lit(None, pl.String)
    return packed.alias(LABELS)


def _with_availability(frame: pl.DataFrame, delay: timedelta) -> pl.DataFrame:
    known = pl.col(TS) + delay
    if AVAILABLE_AT in frame.columns:
        known = pl.coalesce(AVAILABLE_AT, known)
    keys = (NODE, TS, AVAILABLE_AT)
    return frame.with_columns(known.alias(AVAILABLE_AT)).select(*keys, pl.exclude(keys))
