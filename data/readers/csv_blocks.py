"""Reads CSV files block by block, so that a file of any size fits into memory, with errors that name the fault."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv as arrow_csv

from data.errors import SourceFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

BLOCK: Final = 1 << 20  # bytes of text, and the longest possible row; Arrow reads 32 blocks ahead
ROW: Final = "__row"  # a column that blocks have in addition: the number of each row in the file; the header is 1
UNREADABLE_FILE: Final = (
    *(OSError, EOFError, UnicodeError, csv.Error, pa.ArrowException),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file on disk or inside an archive: `name` is for messages, `open` reads it from the beginning."""

    name: str
    open: Callable[[], IO[bytes]]
    delimiter: str = ","


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A row with another number of fields than the header."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class CsvBlock:
    """Some rows of a file as text, with the column ROW, and the malformed rows among or before them."""

    rows: pl.DataFrame
    malformed: tuple[MalformedRow, ...]


def csv_file(path: Path, delimiter: str = ",") -> CsvFile:
    """Return a CSV file on disk; it is decompressed during reading if its name ends in .gz."""
    if path.suffix == ".gz":
        return CsvFile(str(path), lambda: io.BufferedReader(gzip.open(path, "rb")), delimiter)
    return CsvFile(str(path), lambda: path.open("rb"), delimiter)


@contextmanager
def translate_csv_faults(name: str) -> Iterator[None]:
    """Raise SourceFileError for every fault in the bytes of a file."""
    try:
        yield
    except FileNotFoundError as fault:
        raise SourceFileError(name, "no such file", fix="check source.path") from fault
    except UNREADABLE_FILE as fault:
        why = " ".join(str(fault).split()) or type(fault).__name__
        fix = "write it in UTF-8" if "utf" in why.lower() else "copy the file again, or fix the export behind it"
        raise SourceFileError(name, f"is no readable CSV file ({why})", fix=fix) from fault


def read_header(file: CsvFile) -> tuple[str, ...]:
    """Return the names of the columns.

    Raises:
        SourceFileError: if the file is missing, empty, not UTF-8, or has two columns of one name.
    """
    with translate_csv_faults(file.name), file.open() as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as text:
        names = next(csv.reader(text, delimiter=file.delimiter), [])
    if not names:
        raise SourceFileError(file.name, "is empty: it has no header", fix="check the export behind it")
    if duplicates := [name for name, count in Counter(names).items() if count > 1]:
        raise SourceFileError(file.name, f"has more than one column {duplicates[0]}", fix="rename or drop one of them")
    return tuple(names)


def read_blocks(file: CsvFile, columns: Sequence[str]) -> Iterator[CsvBlock]:
    """Yield some columns of a file in blocks of bounded size.

    Raises:
        SourceFileError: if the bytes are damaged, truncated or not UTF-8, or a row is longer than a block.
    """
    malformed: list[MalformedRow] = []

    def keep(row: arrow_csv.InvalidRow) -> str:
        malformed.append(MalformedRow(row.number, row.text))
        return "skip"

    with translate_csv_faults(file.name), file.open() as raw:
        yield from _number_rows(_stream(raw, file.delimiter, list(dict.fromkeys(columns)), keep), malformed)


def _stream(
    raw: IO[bytes], delimiter: str, columns: Sequence[str], keep: Callable[[arrow_csv.InvalidRow], str]
) -> Iterator[pa.RecordBatch]:
    reading = arrow_csv.ReadOptions(block_size=BLOCK, use_threads=False)
    parsing = arrow_csv.ParseOptions(
        delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep, ignore_empty_lines=True
    )
    as_text = arrow_csv.ConvertOptions(
        include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
    )
    with arrow_csv.open_csv(pa.PythonFile(raw, mode="r"), reading, parsing, as_text) as reader:
        yield from reader


def _number_rows(stream: Iterator[pa.RecordBatch], malformed: list[MalformedRow]) -> Iterator[CsvBlock]:
    """Add the numbers of the rows; `malformed` is filled while the stream is read, and emptied here."""
    next_row, skipped = 2, np.array([], dtype=np.int64)
    for batch in stream:
        in_batch = _take_all(malformed)
        skipped = np.append(skipped[skipped >= next_row], [row.number for row in in_batch])
        numbers = np.arange(next_row, next_row + batch.num_rows + len(skipped))
        numbers = numbers[~np.isin(numbers, skipped)][: batch.num_rows]
        next_row = int(numbers[-1]) + 1 if len(numbers) else next_row
        yield CsvBlock(_to_frame(batch).with_columns(pl.Series(ROW, numbers, pl.Int64)), in_batch)
    if malformed:
        yield CsvBlock(pl.DataFrame(schema={ROW: pl.Int64}), _take_all(malformed))


def _take_all(malformed: list[MalformedRow]) -> tuple[MalformedRow, ...]:
    rows = tuple(malformed)
    malformed.clear()
    return rows


def _to_frame(batch: pa.RecordBatch) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)  # from_arrow returns a frame for a record batch
    return frame
