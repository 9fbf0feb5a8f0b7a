"""A folder of Parquet files as a source: history that was exported once, or that another tool updates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import EmptyTableError, SourceFileError
from data.readers import defaults, parquet
from data.readers.column_mapping import BLIND, EVENTS, NODES, TELEMETRY, ColumnMapping, TableSpec
from data.schema import BLIND_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta
    from pathlib import Path

BATCH_CELLS: Final = 1 << 24  # an eighth of a gigabyte at most


@dataclass(frozen=True, slots=True)
class ParquetSource:
    """Reads `events.parquet`, `nodes.parquet` and, if they exist, `telemetry.parquet` and `blind.parquet`.

    `columns` maps each table's canonical columns to the names in the file. A telemetry row without `available_at`
    became available `delay` after its `ts`. Columns of telemetry that are `ignored` are not read.
    """

    path: Path
    columns: Mapping[str, Mapping[str, str]]
    delay: timedelta
    ignored: tuple[str, ...] = ()
    label: str = ""

    @property
    def name(self) -> str:
        """The label, or else the name of the folder."""
        return self.label or self.path.resolve().name

    def check(self) -> None:
        """Check that the files exist, are readable and not empty, and have the right columns.

        Raises:
            SourceFileError: if the folder or a file is missing, or a file is no readable Parquet.
            ColumnError: if a column is missing or of the wrong type.
            EmptyTableError: if the inventory or telemetry has no row.
        """
        if not self.path.is_dir():
            raise SourceFileError(self.path, "no such folder", fix="set source.path to the folder of the Parquet files")
        for spec in (NODES, EVENTS, TELEMETRY, BLIND):
            if self._has(spec):
                self._check_table(spec)

    def telemetry(self) -> Iterator[pl.DataFrame]:
        """Yield batches of bounded size: node, ts, available_at and the metrics."""
        if not self._has(TELEMETRY):
            return
        mapping = self._mapping(TELEMETRY)
        columns = list(mapping.source_names.values())
        for batch in parquet.batches(self._file(TELEMETRY), columns, BATCH_CELLS // len(columns)):
            yield defaults.telemetry(mapping.apply(batch), self.delay)

    def events(self) -> pl.DataFrame:
        """Return the events, with defaults for missing columns."""
        return defaults.events(*self._read(EVENTS), self.name)

    def nodes(self) -> pl.DataFrame:
        """Return the inventory; columns that NODE_SCHEMA lacks go into `labels`."""
        return defaults.nodes(*self._read(NODES), [self._file(NODES)])

    def blind(self) -> pl.DataFrame:
        """Return the blind periods; by default one became known at its end."""
        if not self._has(BLIND):
            return pl.DataFrame(schema=BLIND_SCHEMA)
        return defaults.blind(*self._read(BLIND))

    def _file(self, spec: TableSpec) -> Path:
        return self.path / f"{spec.table}.parquet"

    def _has(self, spec: TableSpec) -> bool:
        file = self._file(spec)
        return not spec.is_optional or file.exists() or file.is_symlink()  # a broken link is an error

    def _mapping(self, spec: TableSpec) -> ColumnMapping:
        file = self._file(spec)
        spec = spec.ignoring(self.ignored) if spec.has_metrics else spec
        return ColumnMapping.match(file, spec, parquet.schema(file), self.columns.get(spec.table, {}))

    def _check_table(self, spec: TableSpec) -> None:
        self._mapping(spec)  # raises for wrong columns
        if not spec.may_be_empty and parquet.row_count(self._file(spec)) == 0:
            raise EmptyTableError(self._file(spec))

    def _read(self, spec: TableSpec) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Return a small table and the names of its extra columns."""
        mapping = self._mapping(spec)
        return mapping.apply(parquet.read(self._file(spec))), mapping.extra_columns
