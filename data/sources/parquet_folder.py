"""A folder of Parquet files as a source: history that was exported once, or that another tool keeps writing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import EmptyTableError, SourceFileError
from data.readers import defaults, parquet
from data.readers.column_mapping import BLIND, EVENTS, NODES, TELEMETRY, Mapped, Shape
from data.schema import BLIND_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta
    from pathlib import Path

OPTIONAL: Final = frozenset({TELEMETRY.table, BLIND.table})
MAY_BE_EMPTY: Final = frozenset({BLIND.table, EVENTS.table})  # a new fleet has had no failure yet
BATCH_CELLS: Final = 1 << 24  # an eighth of a gigabyte at most


@dataclass(frozen=True, slots=True)
class ParquetSource:
    """Reads `events.parquet`, `nodes.parquet` and, where they exist, `telemetry.parquet` and `blind.parquet`.

    `columns` maps each table's canonical columns to the file's own names. A telemetry row without
    `available_at` became known `delay` after its `ts`. Columns of telemetry that are `ignored` are not read.
    """

    path: Path
    columns: Mapping[str, Mapping[str, str]]
    delay: timedelta
    ignored: tuple[str, ...] = ()
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
            EmptyTableError: if the inventory or telemetry holds no row.
        """
        if not self.path.is_dir():
            raise SourceFileError(self.path, "no such folder", fix="set source.path to the folder of the Parquet files")
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
            yield defaults.telemetry(mapped.apply(batch), self.delay)

    def events(self) -> pl.DataFrame:
        """Read the events; what a file does not say is filled in as EVENT_SCHEMA's defaults."""
        return defaults.events(*self._read(EVENTS), self.name)

    def nodes(self) -> pl.DataFrame:
        """Read the inventory; columns that it has beyond NODE_SCHEMA go into `labels`."""
        return defaults.nodes(*self._read(NODES), [self._file(NODES)])

    def blind(self) -> pl.DataFrame:
        """Read the blind periods; one that says no more became known at its end."""
        if not self._has(BLIND):
            return pl.DataFrame(schema=BLIND_SCHEMA)
        return defaults.blind(*self._read(BLIND))

    def _file(self, shape: Shape) -> Path:
        return self.path / f"{shape.table}.parquet"

    def _has(self, shape: Shape) -> bool:
        file = self._file(shape)
        return shape.table not in OPTIONAL or file.exists() or file.is_symlink()  # a link to nowhere is a fault

    def _mapped(self, shape: Shape) -> Mapped:
        file = self._file(shape)
        shape = shape.without(self.ignored) if shape.others_are_metrics else shape
        return Mapped.of(file, shape, parquet.schema(file), self.columns.get(shape.table, {}))

    def _check_table(self, shape: Shape) -> None:
        self._mapped(shape)
        if shape.table not in MAY_BE_EMPTY and parquet.row_count(self._file(shape)) == 0:
            raise EmptyTableError(self._file(shape))

    def _read(self, shape: Shape) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Read a small table whole, with the names of the columns beyond its shape."""
        mapped = self._mapped(shape)
        return mapped.apply(parquet.read(self._file(shape))), mapped.others
