from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ColumnError
from data.validation.column_names import is_row_number, require_columns, require_metrics


@pytest.mark.parametrize("name", ["load", "p0 (W) / é|,=[]", "^begin", "end$", "a*", "_x_", "months"])
def test_an_unusual_name_is_allowed(name: str) -> None:
    require_columns("f", [name])
    require_metrics("f", [name, "other"])


@pytest.mark.parametrize("name", ["", "  ", "*", "^.*$", "^a\nb$", "a\0b"])
def test_a_column_without_a_name_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(
        ColumnError, match=r"f: .*has no name|f: the name .* (stands for many columns|has the character zero)"
    ):
        require_columns("f", ["valid", name])


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["a__mean"], "metric 'a__mean' has '__' in its name"),
        (["__x"], "metric '__x' has '__' in its name"),
        (["month"], "metric 'month' has a name that tables or features use"),
        (["counters"], "metric 'counters' has a name that tables or features use"),
        (["Node"], "metric 'Node' has a name that tables or features use"),
        (["temp", "Temp"], "metric 'temp' differs from 'Temp' only in upper and lower case"),
    ],
)
def test_a_name_that_no_metric_can_have_is_refused_with_the_reason(names: list[str], why: str) -> None:
    with pytest.raises(ColumnError) as caught:
        require_metrics("f", names)
    assert str(caught.value).startswith(f"f: {why}")
    assert "source.columns.telemetry" in caught.value.fix


@given(st.lists(st.text("abcAB_", min_size=1), unique=True))
def test_the_order_of_the_names_changes_nothing(names: list[str]) -> None:
    def fault(order: list[str]) -> str:
        try:
            require_metrics("f", order)
        except ColumnError as error:
            return str(error)
        return ""

    assert fault(names) == fault(names[::-1])


def test_pandas_row_numbers_are_no_metrics() -> None:
    assert is_row_number("__index_level_0__")
    assert not is_row_number("index_level_0")
