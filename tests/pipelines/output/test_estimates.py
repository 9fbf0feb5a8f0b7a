from __future__ import annotations

import numpy as np
import pytest

from models.metrics.estimate import Estimate
from pipelines.output.estimates import fixed, percent, with_interval


def test_an_interval_is_written_like_its_value_where_there_is_one() -> None:
    assert with_interval(Estimate(0.5), percent) == "50%"
    assert with_interval(Estimate(0.5, np.linspace(0, 1, 1001)), percent) == "50% [2%, 98%]"
    assert with_interval(Estimate(None), percent) == "-"
    assert with_interval(Estimate(1.5, np.full(3, 1.25)), fixed(2)) == "1.50 [1.25, 1.25]"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.1234, 3, "0.123"),
        (9.994, 2, "9.99"),
        (12.345, 2, "12.3"),
        (1234.5, 0, "1,234"),
        (-0.5, 1, "-0.5"),
        (None, 3, "-"),
    ],
)
def test_large_numbers_have_at_most_one_decimal(value: float | None, decimals: int, text: str) -> None:
    assert fixed(decimals)(value) == text
