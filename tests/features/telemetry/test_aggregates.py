"""The algebra of windows: identity to the bit, associativity up to rounding, folds against a loop."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.telemetry.aggregates import EXTREMES, FLOW, MOMENTS, SEEN, TREND, AggregateFamily, Parts, window

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FAMILIES = {"moments": MOMENTS, "trend": TREND, "extremes": EXTREMES, "flow": FLOW, "seen": SEEN}
each_family = pytest.mark.parametrize("name", FAMILIES)
VALUES = st.floats(-1e6, 1e6, allow_subnormal=False) | st.sampled_from([0.0, -0.0, 1e9])
COUNT = 12
DAY_MICROSECONDS = 86_400e6


@st.composite
def samples(draw: st.DrawFn) -> list[list[float]]:
    """Draw the samples of 12 buckets; about half of the buckets are empty."""
    some = st.lists(VALUES, min_size=1, max_size=4)
    return draw(st.lists(st.just([]) | some, min_size=COUNT, max_size=COUNT))


def lifted(family: AggregateFamily, buckets: list[list[float]], first: int = 18_000) -> Parts:
    """Lift buckets of samples into parts, one column per bucket."""
    raw = {name: np.full(len(buckets), np.nan) for name in ("n", *_AGGREGATES)}
    for index, values in enumerate(buckets):
        raw["n"][index] = len(values)
        for name, aggregate in _AGGREGATES.items() if values else ():
            raw[name][index] = aggregate(np.array(values))
    ts = (np.arange(len(buckets)) + first) * DAY_MICROSECONDS
    empty = np.array([not values for values in buckets])
    raw["first_ts"], raw["last_ts"] = np.where(empty, np.nan, ts - 100), np.where(empty, np.nan, ts)
    return family.lift(tuple(raw[name] for name in family.columns), np.arange(first, first + len(buckets), dtype=float))


def _increase(values: NDArray[np.float64]) -> float:
    return float(sum(b - a if b >= a else b for a, b in pairwise(values)))


_AGGREGATES: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "mean": lambda values: float(np.mean(values)),
    "m2": lambda values: float(np.sum((values - np.mean(values)) ** 2)),
    "min": lambda values: float(np.min(values)),
    "max": lambda values: float(np.max(values)),
    "first": lambda values: float(values[0]),
    "last": lambda values: float(values[-1]),
    "increase": _increase,
}


def fold(family: AggregateFamily, slices: list[Parts]) -> Parts:
    """Merge slices one after the other."""
    folded, *rest = slices
    for newer in rest:
        folded = family.merge(folded, newer)
    return folded


def column(parts: Parts, index: int) -> Parts:
    return tuple(part[index : index + 1] for part in parts)


def bits(parts: Parts) -> list[bytes]:
    return [np.where(np.isnan(part), np.nan, part).tobytes() for part in parts]


def assert_close(actual: Parts, expected: Parts, buckets: list[list[float]]) -> None:
    """Assert that parts are equal up to the rounding of squares of the largest sample."""
    largest = max((abs(value) for bucket in buckets for value in bucket), default=0.0)
    for part, expected_part in zip(actual, expected, strict=True):
        np.testing.assert_allclose(part, expected_part, rtol=1e-9, atol=1e-9 * (1 + largest**2))


@each_family
@given(samples())
def test_merging_or_joining_with_empty_parts_changes_no_bit(name: str, buckets: list[list[float]]) -> None:
    family = FAMILIES[name]
    parts = lifted(family, buckets)
    empty = tuple(np.full(COUNT, value, dtype=np.float64) for value in family.empty)
    assert bits(lifted(family, [[]] * COUNT)) == bits(empty)
    assert bits(family.merge(empty, parts)) == bits(parts)
    assert bits(family.merge(parts, empty)) == bits(parts)
    assert bits(family.join(parts, empty)) == bits(parts)


@pytest.mark.parametrize("name", ["moments", "trend", "extremes"])
def test_minus_zero_is_zero(name: str) -> None:
    """Otherwise its sign would depend on what it was merged with, and on its position in a vector."""
    family = FAMILIES[name]
    raw = {"n": 1.0, "mean": -0.0, "m2": 0.0, "min": -0.0, "max": -0.0}
    parts = family.lift(tuple(np.array([raw[part]]) for part in family.columns), np.array([18_000.0]))
    assert not np.signbit(parts).any()


def test_merging_huge_values_with_empty_parts_changes_no_bit() -> None:
    for family in (MOMENTS, TREND):
        parts, empty = lifted(family, [[1e200]]), lifted(family, [[]])
        assert bits(family.merge(empty, parts)) == bits(parts)
        assert bits(family.merge(parts, empty)) == bits(parts)


@each_family
@given(samples())
def test_merging_is_associative_up_to_rounding(name: str, buckets: list[list[float]]) -> None:
    family = FAMILIES[name]
    a, b, c = (column(lifted(family, buckets), index) for index in range(3))
    left, right = family.merge(family.merge(a, b), c), family.merge(a, family.merge(b, c))
    assert len(left) == len(family.empty) > 0
    assert_close(left, right, buckets)


@each_family
@settings(max_examples=30)
@given(samples(), st.integers(1, COUNT), st.integers(1, 3))
def test_a_window_is_a_fold_of_its_buckets(name: str, buckets: list[list[float]], length: int, step: int) -> None:
    family = FAMILIES[name]
    parts = lifted(family, buckets)
    stops = np.arange(length - 1, COUNT, step)
    folded = window(family.merge, parts, (length,), stops)[length]
    assert len(stops) > 0
    for index, stop in enumerate(stops):
        inside = [column(parts, bucket) for bucket in range(stop - length + 1, stop + 1)]
        assert_close(column(folded, index), fold(family, inside), buckets)


@each_family
@settings(max_examples=30)
@given(samples(), samples(), st.integers(1, COUNT))
def test_a_window_has_the_same_bits_whatever_is_around_it(
    name: str, buckets: list[list[float]], others: list[list[float]], length: int
) -> None:
    family = FAMILIES[name]
    alone = window(family.merge, lifted(family, buckets), (length,), np.array([COUNT - 1]))[length]
    longer = lifted(family, others + buckets + others, first=18_000 - COUNT)
    for stops in (np.array([2 * COUNT - 1]), slice(COUNT - 1, 3 * COUNT, COUNT)):
        folded = window(family.merge, longer, (1, length, COUNT), stops)[length]
        assert bits(column(folded, len(folded[0]) // 2)) == bits(alone)


def test_moments_are_stable_where_a_sum_of_squares_is_not(rng: np.random.Generator) -> None:
    values = 1e9 + rng.normal(0, 1e-3, (64, 20))
    parts = lifted(MOMENTS, values.tolist())
    n, mean, m2 = (part[0] for part in window(MOMENTS.merge, parts, (64,), np.array([63]))[64])
    centred = values - 1e9  # exact: both are multiples of the same power of two
    assert n == values.size
    assert mean - 1e9 == pytest.approx(centred.mean(), abs=1e-6)
    assert np.sqrt(m2 / n) == pytest.approx(centred.std(), rel=1e-4)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_a_trend_is_the_least_squares_line_through_weighted_means(rng: np.random.Generator) -> None:
    buckets: list[NDArray[np.float64]] = [rng.normal(5 + 0.3 * day, 1, rng.integers(0, 5)) for day in range(30)]
    parts = lifted(TREND, [bucket.tolist() for bucket in buckets])
    *_, time_m2, co_moment = (part[0] for part in window(TREND.merge, parts, (30,), np.array([29]))[30])
    day = np.repeat(np.arange(30), [len(bucket) for bucket in buckets])
    slope, _ = np.polyfit(day, np.concatenate(buckets), 1)
    assert co_moment / time_m2 == pytest.approx(slope, rel=1e-9)
