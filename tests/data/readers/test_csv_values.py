from __future__ import annotations

from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.readers.csv_values import Dialect

if TYPE_CHECKING:
    from collections.abc import Sequence

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def times(dialect: Dialect, *cells: str | None) -> list[datetime | None]:
    return pl.Series("t", cells, dtype=pl.String).to_frame().select(dialect.times(pl.col("t"))).to_series().to_list()


def numbers(dialect: Dialect, cells: Sequence[str | None]) -> list[float | None]:
    return pl.Series("x", cells, dtype=pl.String).to_frame().select(dialect.numbers(pl.col("x"))).to_series().to_list()


@pytest.mark.parametrize(
    "cell",
    ["2024-01-01T00:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00Z", "2024-01-01T01:00:00+01:00",
     "2024-01-01T01:00:00.000+0100", "2023-12-31 19:00:00.000000-05", "2024-01-01T00:00:00+00:00"],
)  # fmt: skip
def test_iso_times_are_read_with_any_offset(cell: str) -> None:
    assert times(Dialect(), cell) == [NEW_YEAR]


@pytest.mark.parametrize("cell", ["2024-01-01T00:00:00", "2024-01-01", "01/02/2024 00:00", "soon", "2024-13-01T00:00Z"])
def test_a_text_that_is_no_time_is_null(cell: str) -> None:
    assert times(Dialect(), cell, None) == [None, None]


@pytest.mark.parametrize(
    "cell", ["2024-01-01T01:00:00", "2024-01-01 01:00", "2024-01-01 01:00:00.0", "2024-01-01T00:00Z"]
)
def test_iso_times_without_an_offset_are_local_to_the_zone(cell: str) -> None:
    assert times(Dialect(zone="Europe/Rome"), cell) == [NEW_YEAR]


def test_a_date_is_its_midnight_in_the_zone() -> None:
    assert times(Dialect(zone="UTC"), "2024-01-01") == [NEW_YEAR]


def test_an_ambiguous_local_time_is_the_later_one_and_a_nonexistent_one_is_null() -> None:
    rome = Dialect(zone="Europe/Rome")
    assert times(rome, "2024-10-27T02:30:00") == [datetime(2024, 10, 27, 1, 30, tzinfo=UTC)]
    assert times(rome, "2024-03-31T02:30:00") == [None]


@pytest.mark.parametrize(
    ("dialect", "cell"),
    [
        (Dialect("s"), "1704067200"),
        (Dialect("s"), "1704067200.0"),
        (Dialect("ms"), "1704067200000"),
        (Dialect("%d/%m/%Y %H:%M", "Europe/Rome"), "01/01/2024 01:00"),
        (Dialect("%d.%m.%Y %H:%M %z"), "01.01.2024 01:00 +0100"),
    ],
)
def test_epochs_and_formats_are_read(dialect: Dialect, cell: str) -> None:
    assert times(dialect, cell) == [NEW_YEAR]


@pytest.mark.parametrize("cell", ["1e30", "-1e30", "nan", "inf", "x", "2024-01-01T00:00:00Z"])
def test_a_text_that_is_no_epoch_is_null(cell: str) -> None:
    assert times(Dialect("s"), cell) == [None]


@given(st.datetimes(datetime(1991, 1, 1), datetime(2100, 1, 1), timezones=st.just(ZoneInfo("Europe/Rome"))))  # noqa: DTZ001  - Hypothesis adds the zone
def test_every_time_is_read_back_from_iso(time: datetime) -> None:
    assert times(Dialect(), time.isoformat()) == [time.astimezone(UTC)]
    assert times(Dialect("s"), f"{time.timestamp():.6f}")[0] is not None


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_is_read_back(value: float) -> None:
    for dialect, cell in ((Dialect(), repr(value)), (Dialect(decimal=","), repr(value).replace(".", ","))):
        (number,) = numbers(dialect, [cell])
        assert number is not None
        assert number == value or isnan(number) == isnan(value) is True


def test_numbers_in_another_notation_are_not_guessed() -> None:
    assert numbers(Dialect(), ["1,5", "1.000,5", "0x1F", "1 000", "true", "1.5"]) == [None] * 5 + [1.5]
    assert numbers(Dialect(decimal=","), ["1,5", "1.5", "1.000,5"]) == [1.5, None, None]


def test_blanks_and_words_for_no_value_are_null() -> None:
    cells = pl.DataFrame({"x": [" a ", "", "  ", "NA", "null", "-", "nano"]})
    assert cells.select(Dialect().texts(pl.col("x")))["x"].to_list() == ["a", None, None, None, None, None, "nano"]
    assert cells.select(Dialect(missing=("a",)).texts(pl.col("x")))["x"].to_list()[:3] == [None, "", ""]
