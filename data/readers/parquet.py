"""Parquet files with their faults named: every way in which one can be unreadable ends in one error."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
from pyarrow import compute, parquet

from data.errors import SourceFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Raise SourceFileError for whatever pyarrow says of a file."""
    try:
        yield
    except FileNotFoundError as fault:
        raise SourceFileError(path, "no such file", fix="check source.path") from fault
    except (OSError, pa.ArrowException) as fault:
        why = " ".join(str(fault).split()) or type(fault).__name__
        raise SourceFileError(path, f"is no readable Parquet file ({why})") from fault


def schema(path: Path) -> pl.Schema:
    """Read a file's column names, as they are in the file, and types.

    Raises:
        SourceFileError: if the file is missing, truncated, no Parquet, or has two columns of one name.
    """
    with _naming(path), parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise SourceFileError(path, f"has more than one column {twice[0]}", fix="rename or drop one of them")
        found = _to_polars(file.schema_arrow.empty_table()).dtypes
    return pl.Schema(zip(names, found, strict=True))


def row_count(path: Path) -> int:
    """Read how many rows a file holds, from its footer."""
    with _naming(path), parquet.ParquetFile(path) as file:
        return int(file.metadata.num_rows)


def read(path: Path) -> pl.DataFrame:
    """Read a whole file."""
    with _naming(path), parquet.ParquetFile(path) as file:
        return _to_polars(file.read())


def batches(path: Path, columns: list[str], rows: int) -> Iterator[pl.DataFrame]:
    """Read some columns of a file, at most `rows` rows at a time."""
    with _naming(path), parquet.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=rows, columns=columns):
            yield _to_polars(pa.Table.from_batches([batch]))


def _to_polars(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(_plain(table))
    assert isinstance(frame, pl.DataFrame)  # a table, not an array, went in
    return frame


def _plain(table: pa.Table) -> pa.Table:
    """Cast what polars would panic at: time zones by offset (+01:00), times beyond its own, decimals of 256 bits."""
    for at, field in enumerate(table.schema):
        wanted = _plain_type(field.type)
        if wanted != field.type:
            cast = compute.cast(table.column(at), options=compute.CastOptions(wanted, allow_time_truncate=True))
            table = table.set_column(at, field.with_type(wanted), cast)
    return table


def _plain_type(found: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(found):
        return pa.timestamp("us", None if found.tz is None else "UTC")
    return pa.float64() if pa.types.is_decimal256(found) else found
