from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from models.metrics.estimate import Estimate
from pipelines.output.estimates import with_interval
from pipelines.report import terms
from pipelines.report.terms import MINUS
from serving.formats import DASH


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.3571, "36%"),
        (0.0661, "6.6%"),
        (0.00021, "0.021%"),
        (1.0, "100%"),
        (0.0, "0%"),
        (None, DASH),
        (math.nan, DASH),
    ],
)
def test_percentages_have_two_significant_digits(value: float | None, text: str) -> None:
    assert terms.percentage(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "1,234"),
        (999.7, "1,000"),
        (0.00001234, "0.0000123"),
        (-0.5, f"{MINUS}0.5"),
        (math.inf, DASH),
        (12, "12"),
    ],
)
def test_numbers_have_no_power_of_ten_and_a_typographic_minus(value: float, text: str) -> None:
    assert terms.typeset(value) == text


def test_intervals_have_significant_digits() -> None:
    assert with_interval(Estimate(0.5), terms.percentage) == "50%"
    assert with_interval(Estimate(0.5, np.linspace(0, 1, 1001)), terms.percentage) == "50% [2.5%, 98%]"
    assert with_interval(Estimate(None), terms.percentage) == DASH
    assert with_interval(Estimate(1.5, np.full(3, 1.25)), terms.typeset) == "1.5 [1.25, 1.25]"


def test_points_have_a_sign_and_nothing_is_minus_zero() -> None:
    assert [terms.points(value) for value in (0.042, -0.03, 0.001, -0.001, None)] == [
        "+4",
        f"{MINUS}3",
        "0",
        "0",
        DASH,
    ]


def test_long_spans_are_days_and_short_ones_minutes() -> None:
    assert [terms.hours(value) for value in (3.4, 47, 48, 151, None)] == [
        "3.4 h",
        "47 h",
        "2 days",
        "6.3 days",
        DASH,
    ]
    assert [terms.hours(value) for value in (2 / 3, 1, 0)] == ["40 min", "1 h", "0 h"]


def test_times_and_models_are_named() -> None:
    assert [terms.moment(datetime(2021, 7, 4, hour, tzinfo=UTC)) for hour in (0, 6)] == [
        "4 Jul 2021",
        "4 Jul 2021, 06:00",
    ]
    assert terms.date_and_time(datetime(2021, 7, 4, 6, tzinfo=UTC)) == "4 Jul 2021, 06:00 UTC"
    assert [terms.model_name(name) for name in ("model", "theirs")] == ["Nodeward", "theirs"]


@pytest.mark.parametrize(
    ("sentence", "html"),
    [
        (
            f"fan 5 RPM, normal 0.47{DASH}1.9: odds ×3.2",
            f'fan 5 RPM, normal <span class="whole">0.47{DASH}1.9:</span> <span class="whole">odds ×3.2</span>',
        ),
        ("normal -11.6 to (-.5), node-7 on 2025-01-02", f"normal {MINUS}11.6 to ({MINUS}.5), node-7 on 2025-01-02"),
        ("1.2 [-0.9, 1.5]", f'1.2 <span class="whole">[{MINUS}0.9, 1.5]</span>'),
        ("<b> & co", "&lt;b&gt; &amp; co"),
    ],
)
def test_ranges_odds_and_intervals_stay_on_one_line_with_one_minus_sign(sentence: str, html: str) -> None:
    assert terms.unbroken(sentence) == html
