"""Reads Parquet files; whatever makes one unreadable is a SourceFileError."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
from pyarrow import parquet

from data.errors import SourceFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def _translate_faults(path: Path) -> Iterator[None]:
    """Raise SourceFileError for every fault that pyarrow finds in a file."""
    try:
        yield
    except FileNotFoundError as fault:
        raise SourceFileError(path, "no such file", fix="check source.path") from fault
    except (OSError, pa.ArrowException) as fault:
        why = " ".join(str(fault).split()) or type(fault).__name__
        raise SourceFileError(path, f"is no readable Parquet file ({why})") from fault


def schema(path: Path) -> pl.Schema:
    """Return the names of the columns, as they are in the file, and their types.

    Raises:
        SourceFileError: if the file is missing, truncated or no Parquet, or has two columns of one name.
    """
    with _translate_faults(path), parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if duplicates := [name for name, count in Counter(names).items() if count > 1]:
            raise SourceFileError(path, f"has more than one column {duplicates[0]}", fix="rename or drop one of them")
        dtypes = _to_polars(pa.Table.from_batches([], file.schema_arrow)).dtypes  # empty_table() imports pandas
    return pl.Schema(zip(names, dtypes, strict=True))


def row_count(path: Path) -> int:
    """Return the number of rows from the footer of a file."""
    with _translate_faults(path), parquet.ParquetFile(path) as file:
        return int(file.metadata.num_rows)


def read(path: Path) -> pl.DataFrame:
    """Return the whole content of a file."""
    with _translate_faults(path), parquet.ParquetFile(path) as file:
        return _to_polars(file.read())


def batches(path: Path, columns: list[str], rows: int) -> Iterator[pl.DataFrame]:
    """Yield some columns of a file in batches of at most `rows` rows."""
    with _translate_faults(path), parquet.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=rows, columns=columns):
            yield _to_polars(pa.Table.from_batches([batch]))


def _to_polars(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(_with_supported_types(table))
    assert isinstance(frame, pl.DataFrame)  # from_arrow returns a frame for a table
    return frame


def _with_supported_types(table: pa.Table) -> pa.Table:
    """Cast types at which polars panics: time zones by offset (+01:00), times out of its range, 256-bit decimals."""
    for i, field in enumerate(table.schema):
        supported = _supported_type(field.type)
        if supported != field.type:
            from pyarrow import compute  # noqa: PLC0415 - it takes long to import, and few files need it

            cast = compute.cast(table.column(i), options=compute.CastOptions(supported, allow_time_truncate=True))
            table = table.set_column(i, field.with_type(supported), cast)
    return table


def _supported_type(dtype: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(dtype):
        return pa.timestamp("us", None if dtype.tz is None else "UTC")
    return pa.float64() if pa.types.is_decimal256(dtype) else dtype
