from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import SourceFileError
from data.readers.csv_blocks import ROW, CsvFile, MalformedRow, csv_file, read_blocks, read_header

if TYPE_CHECKING:
    from pathlib import Path


def in_memory(content: bytes, delimiter: str = ",") -> CsvFile:
    return CsvFile("memory.csv", lambda: io.BytesIO(content), delimiter)


def read(file: CsvFile) -> tuple[list[tuple[object, ...]], list[MalformedRow]]:
    blocks = list(read_blocks(file, read_header(file)))
    rows = [row for block in blocks for row in block.rows.iter_rows() if block.rows.width > 1]
    return rows, [row for block in blocks for row in block.malformed]


def test_cells_stay_text_and_rows_have_their_numbers() -> None:
    assert read(in_memory(b"a,b\n1,\n,x\n")) == ([("1", "", 2), ("", "x", 3)], [])


def test_byte_order_marks_and_line_ends_are_no_part_of_the_cells() -> None:
    content = b"\xef\xbb\xbfa,b\r\n1,2\r\n"
    assert read_header(in_memory(content)) == ("a", "b")
    assert read(in_memory(content)) == ([("1", "2", 2)], [])


def test_a_quoted_cell_can_contain_delimiters_quotes_and_lines() -> None:
    assert read(in_memory(b'a,b\n"x, ""y""\nz",2\n3,4\n'))[0] == [('x, "y"\nz', "2", 2), ("3", "4", 3)]


def test_another_delimiter_is_used() -> None:
    assert read(in_memory(b"a;b\n1,5;2\n", ";"))[0] == [("1,5", "2", 2)]


def test_malformed_rows_are_listed_and_do_not_change_the_numbers_of_others() -> None:
    rows, malformed = read(in_memory(b"a,b\n1,2\n3\n4,5,6\n7,8\n9\n"))
    assert rows == [("1", "2", 2), ("7", "8", 5)]
    assert malformed == [MalformedRow(3, "3"), MalformedRow(4, "4,5,6"), MalformedRow(6, "9")]


def test_an_unclosed_quote_is_a_malformed_row() -> None:
    rows, malformed = read(in_memory(b'a,b\n1,2\n"3,4\n5,6\n'))
    assert rows == [("1", "2", 2)]
    assert malformed == [MalformedRow(3, '"3,4\n5,6')]


def test_a_header_alone_has_no_row() -> None:
    assert read(in_memory(b"a,b\n")) == ([], [])


@given(st.lists(st.booleans(), max_size=60), st.integers(32, 200))
def test_the_size_of_blocks_does_not_change_the_numbers_of_rows(fits: list[bool], size: int) -> None:
    lines = [f"{number},x" if fit else f"{number}" for number, fit in enumerate(fits, 2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data.readers.csv_blocks.BLOCK", size)
        rows, malformed = read(in_memory("\n".join(["a,b", *lines, ""]).encode()))
    assert [(int(str(row[0])), row[2]) for row in rows] == [
        (number, number) for number, fit in enumerate(fits, 2) if fit
    ]
    assert [(int(row.text), row.number) for row in malformed] == [
        (number, number) for number, fit in enumerate(fits, 2) if not fit
    ]


def test_the_first_block_is_returned_long_before_the_end_of_the_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.readers.csv_blocks.BLOCK", 1 << 16)
    stream = io.BytesIO(b"a,b\n" + b"1234567,1234567\n" * 1_000_000)
    blocks = read_blocks(CsvFile("long.csv", lambda: stream), ("a", "b"))
    assert next(blocks).rows.height < 5_000
    assert stream.tell() < 40 * (1 << 16)  # of 16,000,000 bytes: Arrow reads 32 blocks ahead, however long a file is


def test_only_the_requested_columns_are_read() -> None:
    (block,) = read_blocks(in_memory(b"a,b,c\n1,2,3\n"), ("c",))
    assert block.rows.columns == ["c", ROW]


def test_a_gzip_file_is_decompressed(tmp_path: Path) -> None:
    file = tmp_path / "x.csv.gz"
    file.write_bytes(gzip.compress(b"a\n1\n"))
    assert read(csv_file(file))[0] == [("1", 2)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty: it has no header"),
        (b"a,b,a\n", "has more than one column a"),
        (b"a,\xff\n", "is no readable CSV file .*utf-8"),
        (b"a,b\n" + b"1,2\n" * 9000 + b"1,\xff\n", r"is no readable CSV file [^→]*UTF8[^→]*→ write it in UTF-8"),
    ],
)
def test_content_that_is_no_csv_is_reported(content: bytes, why: str) -> None:
    with pytest.raises(SourceFileError, match=f"memory\\.csv: {why}"):
        read(in_memory(content))


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"a,b\n" + bytes(range(48, 58)) * 5000, mtime=0)[:60]],
    ids=["other", "cut off"],
)
def test_a_damaged_gzip_file_is_reported(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.csv.gz"
    file.write_bytes(content)
    with pytest.raises(SourceFileError, match=r"x\.csv\.gz: is no readable CSV file"):
        read(csv_file(file))


def test_a_row_longer_than_a_block_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.readers.csv_blocks.BLOCK", 64)
    with pytest.raises(SourceFileError, match="is no readable CSV file"):
        read(in_memory(b"a,b\n1," + b"x" * 500 + b"\n"))


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match=r"x\.csv: no such file"):
        read_header(csv_file(tmp_path / "x.csv"))
