from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from data.content_hash import content_hash
from tests.data.made_up import START

ROWS = pl.DataFrame(
    {"node": ["n1", "n2", None], "ts": [START, None, START], "load": [0.1, None, 2.0], "slot": [1, 2, None]}
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)


def test_the_hash_of_a_known_row_never_changes() -> None:
    rows = pl.DataFrame({"node": ["n1"], "load": [0.5], "slot": [3]})
    assert content_hash(rows).to_list() == [11814754240418371963]


def test_rows_that_differ_hash_differently() -> None:
    assert content_hash(ROWS).n_unique() == ROWS.height


def test_the_order_of_columns_does_not_matter() -> None:
    assert content_hash(ROWS).equals(content_hash(ROWS.select(reversed(ROWS.columns))))


def test_a_column_of_nulls_does_not_matter() -> None:
    assert content_hash(ROWS).equals(content_hash(ROWS.with_columns(later=pl.lit(None, pl.Float64))))


def test_the_column_of_a_value_matters() -> None:
    rows = pl.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0]})
    assert content_hash(rows).n_unique() == 2


def test_a_table_without_rows_has_no_hashes() -> None:
    assert content_hash(ROWS.clear()).to_list() == []


@settings(deadline=None)
@given(st.lists(FLOATS, min_size=1))
def test_the_width_of_a_float_does_not_matter(values: list[float]) -> None:
    narrow = pl.DataFrame({"a": values}, schema={"a": pl.Float32})
    assert content_hash(narrow).equals(content_hash(narrow.cast(pl.Float64)))


@settings(deadline=None)
@given(st.lists(FLOATS, unique=True, min_size=2))
def test_different_floats_hash_differently(values: list[float]) -> None:
    assert content_hash(pl.DataFrame({"a": values})).n_unique() == len(set(values))


def test_zero_and_minus_zero_hash_alike() -> None:
    assert content_hash(pl.DataFrame({"a": [0.0, -0.0]})).n_unique() == 1
