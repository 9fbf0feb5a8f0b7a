"""A folder of CSV files as a source: any tool can write them, each with its own names and ways to write times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import EmptyTableError, SourceFileError
from data.readers import csv_blocks, csv_values, defaults
from data.readers.column_mapping import BLIND, EVENTS, NODES, TELEMETRY, Mapped, Shape
from data.readers.csv_values import Dialect
from data.schema import BLIND_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta
    from pathlib import Path

ENDINGS: Final = (".csv", ".csv.gz")
OPTIONAL: Final = frozenset({TELEMETRY.table, BLIND.table})
MAY_BE_EMPTY: Final = frozenset({BLIND.table, EVENTS.table})  # a new fleet has had no failure yet
BATCH_CELLS: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class CsvSource:
    """Reads `events`, `nodes` and, where they exist, `telemetry` and `blind`, each as .csv or .csv.gz.

    A folder of a table's name holds many files of it, read in the order of their names. `columns` maps each
    table's canonical columns to the files' own names. A telemetry row without `available_at` became known `delay`
    after its `ts`. Columns of telemetry that are `ignored` are not read.
    """

    path: Path
    columns: Mapping[str, Mapping[str, str]]
    delay: timedelta
    ignored: tuple[str, ...] = ()
    label: str = ""
    dialect: Dialect = field(default_factory=Dialect)

    @property
    def name(self) -> str:
        """Name the source: its label, or else its folder."""
        return self.label or self.path.resolve().name

    def check(self) -> None:
        """Check that the files are there, of the right columns, not empty, and that their beginnings can be read.

        Raises:
            SourceFileError: if the folder or a file is missing, or a file is no readable CSV.
            ColumnError: if a column is missing or none of its values can be read.
            EmptyTableError: if the inventory or telemetry holds no row.
        """
        if not self.path.is_dir():
            raise SourceFileError(self.path, "no such folder", fix="set source.path to the folder of the CSV files")
        for shape in (NODES, EVENTS, TELEMETRY, BLIND):
            self._check_table(shape)

    def telemetry(self) -> Iterator[pl.DataFrame]:
        """Yield batches of bounded size: node, ts, available_at and the metrics."""
        for batch in defaults.gathered(self._frames(TELEMETRY), BATCH_CELLS):
            yield defaults.telemetry(batch, self.delay)

    def events(self) -> pl.DataFrame:
        """Read the events; what a file does not say is filled in as EVENT_SCHEMA's defaults."""
        return defaults.events(*self._read(EVENTS), self.name)

    def nodes(self) -> pl.DataFrame:
        """Read the inventory; columns that it has beyond NODE_SCHEMA go into `labels`."""
        return defaults.nodes(*self._read(NODES), self._files(NODES))

    def blind(self) -> pl.DataFrame:
        """Read the blind periods; one that says no more became known at its end."""
        if not self._files(BLIND):
            return pl.DataFrame(schema=BLIND_SCHEMA)
        return defaults.blind(*self._read(BLIND))

    def _files(self, shape: Shape) -> tuple[Path, ...]:
        """Find a table's files.

        Raises:
            SourceFileError: if a table that must be there is not, or it is there in two forms.
        """
        single = [self.path / (shape.table + ending) for ending in ENDINGS]
        folder = self.path / shape.table
        many = sorted(file for file in folder.glob("*.csv*") if file.name.endswith(ENDINGS)) if folder.is_dir() else []
        forms = [(file,) for file in single if file.exists() or file.is_symlink()] + ([tuple(many)] if many else [])
        if len(forms) > 1:
            raise SourceFileError(forms[0][0], f"is there beside {forms[1][0]}", fix="keep one form of the table")
        if not forms and shape.table not in OPTIONAL:
            raise SourceFileError(single[0], "no such file", fix="check source.path")
        return forms[0] if forms else ()

    def _check_table(self, shape: Shape) -> None:
        files = self._files(shape)
        rows = [next(self._read_file(shape, file), pl.DataFrame()).height for file in files]
        if files and not any(rows) and shape.table not in MAY_BE_EMPTY:
            raise EmptyTableError(files[0])

    def _frames(self, shape: Shape) -> Iterator[pl.DataFrame]:
        for file in self._files(shape):
            yield from self._read_file(shape, file)

    def _read_file(self, shape: Shape, file: Path) -> Iterator[pl.DataFrame]:
        sheet, mapped = csv_blocks.sheet(file, self.dialect.delimiter), self._mapped(shape, file)
        for block in csv_blocks.blocks(sheet, list(mapped.own.values())):
            yield csv_values.read(sheet.name, block, mapped, self.dialect)

    def _mapped(self, shape: Shape, file: Path) -> Mapped:
        own = csv_blocks.header(csv_blocks.sheet(file, self.dialect.delimiter))
        names = self.columns.get(shape.table, {})
        shape = shape.without(self.ignored) if shape.others_are_metrics else shape
        kinds = csv_values.kinds(shape, own, {column: name for name, column in names.items()})
        return Mapped.of(file, shape, kinds, names)

    def _read(self, shape: Shape) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Read a small table whole, with the names of the columns beyond its shape."""
        mapped = [self._mapped(shape, file) for file in self._files(shape)]
        others = sorted({name for each in mapped for name in each.others})
        kinds = csv_values.kinds(shape, tuple(sorted({name for each in mapped for name in each.own})), {})
        return pl.concat([pl.DataFrame(schema=kinds), *self._frames(shape)], how="diagonal"), tuple(others)
