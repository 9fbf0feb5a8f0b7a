"""A folder of CSV files as a source, with any names of columns and any notation of times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import EmptyTableError, SourceFileError
from data.readers import csv_blocks, csv_values, defaults
from data.readers.column_mapping import BLIND, EVENTS, NODES, TELEMETRY, ColumnMapping, TableSpec
from data.readers.csv_values import Dialect
from data.schema import BLIND_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta
    from pathlib import Path

ENDINGS: Final = (".csv", ".csv.gz")
BATCH_CELLS: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class CsvSource:
    """Reads `events`, `nodes` and, if they exist, `telemetry` and `blind`, each as .csv or .csv.gz.

    A table can also be a folder of its name with many files, which are read in the order of their names. `columns` maps
    each table's canonical columns to the names in the files. A telemetry row without `available_at` became available
    `delay` after its `ts`. Columns of telemetry that are `ignored` are not read.
    """

    path: Path
    columns: Mapping[str, Mapping[str, str]]
    delay: timedelta
    ignored: tuple[str, ...] = ()
    label: str = ""
    dialect: Dialect = field(default_factory=Dialect)

    @property
    def name(self) -> str:
        """The label, or else the name of the folder."""
        return self.label or self.path.resolve().name

    def check(self) -> None:
        """Check that the files exist, are not empty, have the right columns, and that their first blocks can be read.

        Raises:
            SourceFileError: if the folder or a file is missing, or a file is no readable CSV.
            ColumnError: if a column is missing or none of its values can be read.
            EmptyTableError: if the inventory or telemetry has no row.
        """
        if not self.path.is_dir():
            raise SourceFileError(self.path, "no such folder", fix="set source.path to the folder of the CSV files")
        for spec in (NODES, EVENTS, TELEMETRY, BLIND):
            self._check_table(spec)

    def telemetry(self) -> Iterator[pl.DataFrame]:
        """Yield batches of bounded size: node, ts, available_at and the metrics."""
        for batch in defaults.join_small(self._frames(TELEMETRY), BATCH_CELLS):
            yield defaults.telemetry(batch, self.delay)

    def events(self) -> pl.DataFrame:
        """Return the events, with defaults for missing columns."""
        return defaults.events(*self._read(EVENTS), self.name)

    def nodes(self) -> pl.DataFrame:
        """Return the inventory; columns that NODE_SCHEMA lacks go into `labels`."""
        return defaults.nodes(*self._read(NODES), self._files(NODES))

    def blind(self) -> pl.DataFrame:
        """Return the blind periods; by default one became known at its end."""
        if not self._files(BLIND):
            return pl.DataFrame(schema=BLIND_SCHEMA)
        return defaults.blind(*self._read(BLIND))

    def _files(self, spec: TableSpec) -> tuple[Path, ...]:
        """Find the files of a table.

        Raises:
            SourceFileError: if a required table is missing, or a table exists in two forms.
        """
        single = [self.path / (spec.table + ending) for ending in ENDINGS]
        folder = self.path / spec.table
        many = sorted(file for file in folder.glob("*.csv*") if file.name.endswith(ENDINGS)) if folder.is_dir() else []
        forms = [(file,) for file in single if file.exists() or file.is_symlink()] + ([tuple(many)] if many else [])
        if len(forms) > 1:
            raise SourceFileError(forms[0][0], f"exists next to {forms[1][0]}", fix="keep one form of the table")
        if not forms and not spec.is_optional:
            raise SourceFileError(single[0], "no such file", fix="check source.path")
        return forms[0] if forms else ()

    def _check_table(self, spec: TableSpec) -> None:
        files = self._files(spec)
        rows = [next(self._read_file(spec, file), pl.DataFrame()).height for file in files]
        if files and not any(rows) and not spec.may_be_empty:
            raise EmptyTableError(files[0])

    def _frames(self, spec: TableSpec) -> Iterator[pl.DataFrame]:
        for file in self._files(spec):
            yield from self._read_file(spec, file)

    def _read_file(self, spec: TableSpec, file: Path) -> Iterator[pl.DataFrame]:
        csv_file, mapping = csv_blocks.csv_file(file, self.dialect.delimiter), self._mapping(spec, file)
        for block in csv_blocks.read_blocks(csv_file, list(mapping.source_names.values())):
            yield csv_values.parse(csv_file.name, block, mapping, self.dialect)

    def _mapping(self, spec: TableSpec, file: Path) -> ColumnMapping:
        header = csv_blocks.read_header(csv_blocks.csv_file(file, self.dialect.delimiter))
        renamed = self.columns.get(spec.table, {})
        spec = spec.ignoring(self.ignored) if spec.has_metrics else spec
        types = csv_values.column_types(spec, header, {column: name for name, column in renamed.items()})
        return ColumnMapping.match(file, spec, types, renamed)

    def _read(self, spec: TableSpec) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Return a small table and the names of its extra columns."""
        mappings = [self._mapping(spec, file) for file in self._files(spec)]
        extra_columns = sorted({name for mapping in mappings for name in mapping.extra_columns})
        names = sorted({name for mapping in mappings for name in mapping.source_names})
        empty = pl.DataFrame(schema=csv_values.column_types(spec, tuple(names), {}))
        return pl.concat([empty, *self._frames(spec)], how="diagonal"), tuple(extra_columns)
