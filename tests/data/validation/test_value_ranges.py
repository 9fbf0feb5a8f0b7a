from __future__ import annotations

from math import inf

import pytest

from data.schema import Metric, MetricKind
from data.validation.value_ranges import possible_range


@pytest.mark.parametrize(
    ("metric", "span"),
    [
        (Metric("x"), (-inf, inf)),
        (Metric("x", unit="°C"), (-90.0, 300.0)),
        (Metric("x", unit=" Celsius "), (-90.0, 300.0)),
        (Metric("x", unit="%"), (0.0, 100.5)),
        (Metric("x", unit="RPM"), (0.0, inf)),
        (Metric("x", unit="W"), (0.0, inf)),
        (Metric("x", unit="V"), (-inf, inf)),  # -12 V rails
        (Metric("x", MetricKind.COUNTER, unit="errors"), (0.0, inf)),
        (Metric("x", MetricKind.COUNT), (0.0, inf)),
        (Metric("x", unit="°C", min=5.0), (5.0, 300.0)),
        (Metric("x", unit="%", max=6400.0), (0.0, 6400.0)),
        (Metric("x", MetricKind.COUNTER, min=-1.0, max=9.0), (-1.0, 9.0)),
    ],
)
def test_the_settings_come_before_the_unit_and_the_unit_before_the_kind(
    metric: Metric, span: tuple[float, float]
) -> None:
    assert possible_range(metric) == span
