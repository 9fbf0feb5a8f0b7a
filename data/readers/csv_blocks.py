"""CSV files with their faults named, read a block at a time so that a file of any size fits into memory."""

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

BLOCK: Final = 1 << 20  # bytes of text; also the longest row. Arrow reads 32 of them ahead
ROW: Final = "__row"  # beside a block's own columns: which row of the file each is, the header being 1
UNREADABLE_FILE: Final = (
    *(OSError, EOFError, UnicodeError, csv.Error, pa.ArrowException),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One CSV file, wherever its bytes lie: `name` is for messages, `open` starts it from the beginning."""

    name: str
    open: Callable[[], IO[bytes]]
    delimiter: str = ","


@dataclass(frozen=True, slots=True)
class Misfit:
    """A row with another number of fields than the header."""

    row: int
    text: str


@dataclass(frozen=True, slots=True)
class CsvBlock:
    """Some rows of a sheet as text, with the column ROW, and the rows among or before them that do not fit."""

    rows: pl.DataFrame
    misfits: tuple[Misfit, ...]


def sheet(path: Path, delimiter: str = ",") -> Sheet:
    """Find a CSV file on disk; one whose name ends in .gz is unpacked on the way."""
    if path.suffix == ".gz":
        return Sheet(str(path), lambda: io.BufferedReader(gzip.open(path, "rb")), delimiter)
    return Sheet(str(path), lambda: path.open("rb"), delimiter)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Raise SourceFileError for whatever is wrong with the bytes of a file."""
    try:
        yield
    except FileNotFoundError as fault:
        raise SourceFileError(name, "no such file", fix="check source.path") from fault
    except UNREADABLE_FILE as fault:
        why = " ".join(str(fault).split()) or type(fault).__name__
        fix = "write it in UTF-8" if "utf" in why.lower() else "copy the file again, or fix the export behind it"
        raise SourceFileError(name, f"is no readable CSV file ({why})", fix=fix) from fault


def header(source: Sheet) -> tuple[str, ...]:
    """Read the names of a sheet's columns.

    Raises:
        SourceFileError: if the file is missing, empty, not UTF-8, or has two columns of one name.
    """
    with naming(source.name), source.open() as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as text:
        names = next(csv.reader(text, delimiter=source.delimiter), [])
    if not names:
        raise SourceFileError(source.name, "is empty: it has no header", fix="check the export behind it")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise SourceFileError(source.name, f"has more than one column {twice[0]}", fix="rename or drop one of them")
    return tuple(names)


def blocks(source: Sheet, columns: Sequence[str]) -> Iterator[CsvBlock]:
    """Read some columns of a sheet, in blocks of bounded size.

    Raises:
        SourceFileError: if the bytes are spoilt, cut off or no UTF-8, or a row is longer than a block.
    """
    misfits: list[Misfit] = []

    def keep(row: arrow_csv.InvalidRow) -> str:
        misfits.append(Misfit(row.number, row.text))
        return "skip"

    with naming(source.name), source.open() as raw:
        yield from _numbered(_stream(raw, source, list(dict.fromkeys(columns)), keep), misfits)


def _stream(
    raw: IO[bytes], source: Sheet, columns: Sequence[str], keep: Callable[[arrow_csv.InvalidRow], str]
) -> Iterator[pa.RecordBatch]:
    reading = arrow_csv.ReadOptions(block_size=BLOCK, use_threads=False)
    parsing = arrow_csv.ParseOptions(
        delimiter=source.delimiter, newlines_in_values=True, invalid_row_handler=keep, ignore_empty_lines=True
    )
    as_text = arrow_csv.ConvertOptions(
        include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
    )
    with arrow_csv.open_csv(pa.PythonFile(raw, mode="r"), reading, parsing, as_text) as reader:
        yield from reader


def _numbered(stream: Iterator[pa.RecordBatch], misfits: list[Misfit]) -> Iterator[CsvBlock]:
    """Number the rows; `misfits` fills up as the stream is read, and is emptied here."""
    following, skipped = 2, np.array([], dtype=np.int64)
    for batch in stream:
        fresh = _drained(misfits)
        skipped = np.append(skipped[skipped >= following], [misfit.row for misfit in fresh])
        numbers = np.arange(following, following + batch.num_rows + len(skipped))
        numbers = numbers[~np.isin(numbers, skipped)][: batch.num_rows]
        following = int(numbers[-1]) + 1 if len(numbers) else following
        yield CsvBlock(_frame(batch).with_columns(pl.Series(ROW, numbers, pl.Int64)), fresh)
    if misfits:
        yield CsvBlock(pl.DataFrame(schema={ROW: pl.Int64}), _drained(misfits))


def _drained(misfits: list[Misfit]) -> tuple[Misfit, ...]:
    taken = tuple(misfits)
    misfits.clear()
    return taken


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)  # a batch, not an array, went in
    return frame
