from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from math import fsum, isclose

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.delta.rollup import bucket_end, rollup
from data.schema import AGGREGATE_TYPES, AGGREGATES, BUCKET_KEYS
from data.time_grid import EPOCH, MICROSECOND
from tests.data.made_up import DAY, HOUR, MINUTE, START, Sample, telemetry

NO_DELAY = timedelta(0)
VALUES = st.none() | st.floats(-1e6, 1e6, width=32)
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from(["n1", "n2"]),
        st.integers(0, 240).map(lambda minutes: minutes * MINUTE),
        st.sampled_from([NO_DELAY, MINUTE, HOUR, 3 * HOUR]),
        VALUES,
    ),
    max_size=40,
    unique_by=lambda sample: sample[:2],
)


def one_bucket(samples: list[tuple[timedelta, float | None]]) -> dict[str, object]:
    """Roll up the samples of one node in one bucket and return the aggregates by name."""
    buckets = rollup(telemetry([("n1", after, NO_DELAY, value) for after, value in samples]), ["load"], HOUR)
    assert buckets.height == 1
    return {name: buckets[f"load__{name}"][0] for name in AGGREGATES}


def micros(time: datetime) -> int:
    return (time - EPOCH) // MICROSECOND


def expected_aggregates(samples: list[tuple[datetime, float]]) -> dict[str, float | None]:
    """Aggregate by the definitions, one sample after the other."""
    if not samples:
        return {"n": 0} | dict.fromkeys(AGGREGATES[1:])
    values = [value for _, value in samples]
    mean = fsum(values) / len(values)
    return {
        "n": len(values),
        "mean": mean,
        "m2": fsum((value - mean) ** 2 for value in values),
        "min": min(values),
        "max": max(values),
        "first": values[0],
        "last": values[-1],
        "first_ts": micros(samples[0][0]),
        "last_ts": micros(samples[-1][0]),
        "increase": fsum(new - old if new >= old else new for old, new in pairwise(values)),
    }


@settings(deadline=None)
@given(SAMPLES)
def test_every_aggregate_matches_its_definition(samples: list[Sample]) -> None:
    expected: dict[tuple[str, datetime, int], list[tuple[datetime, float]]] = {}
    for node, after, delay, value in sorted(samples):
        end = START - (-after // HOUR) * HOUR
        lateness = max(0, -((end - START - after - delay) // HOUR))
        group = expected.setdefault((node, end, lateness), [])
        if value is not None:
            group.append((START + after, value))
    buckets = rollup(telemetry(samples), ["load"], HOUR)
    assert list(buckets.select(BUCKET_KEYS.keys()).iter_rows()) == sorted(expected)
    for row in buckets.iter_rows(named=True):
        samples_of_bucket = expected[row["node"], row["bucket_end"], row["lateness"]]
        for name, value in expected_aggregates(samples_of_bucket).items():
            actual = row[f"load__{name}"]
            assert actual == value or (value is not None and isclose(actual, value, rel_tol=1e-9, abs_tol=1e-3)), name


@settings(max_examples=40, deadline=None)
@given(SAMPLES, st.integers(0, 99))
def test_a_bucket_has_the_same_bits_alone_and_with_others(samples: list[Sample], seed: int) -> None:
    rows = telemetry(samples)
    buckets = rollup(rows.sample(fraction=1.0, shuffle=True, seed=seed), ["load"], HOUR)
    separate = [
        rollup(bucket_rows, ["load"], HOUR)
        for bucket_rows in rows.with_columns(bucket_end(HOUR).alias("end")).partition_by("node", "end")
    ]
    assert pl.concat([buckets.clear(), *separate]).sort(*BUCKET_KEYS).equals(buckets)


@settings(max_examples=30, deadline=None)
@given(SAMPLES)
def test_the_path_for_single_samples_gives_the_same_bits_as_the_general_path(samples: list[Sample]) -> None:
    single = telemetry(samples)
    several = telemetry([("zz", NO_DELAY, NO_DELAY, 1.0), ("zz", -MINUTE, NO_DELAY, 2.0)])
    fast = rollup(single, ["load"], MINUTE)
    general = rollup(pl.concat([single, several]), ["load"], MINUTE).filter(pl.col("node") != "zz")
    assert fast.equals(general)


def test_empty_telemetry_rolls_up_to_an_empty_table_of_the_right_columns() -> None:
    buckets = rollup(telemetry([]), ["load"], HOUR)
    expected = dict(BUCKET_KEYS) | {f"load__{name}": dtype for name, dtype in AGGREGATE_TYPES.items()}
    assert buckets.height == 0
    assert dict(buckets.schema) == expected


def test_a_single_sample_is_the_mean_and_the_extremes_of_its_bucket() -> None:
    ts = micros(START + MINUTE)
    same = dict.fromkeys(("mean", "min", "max", "first", "last"), 2.5)
    assert one_bucket([(MINUTE, 2.5)]) == {"n": 1, "m2": 0, "increase": 0, "first_ts": ts, "last_ts": ts, **same}


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_value_is_no_sample(missing: float | None) -> None:
    assert one_bucket([(MINUTE, missing)]) == {"n": 0} | dict.fromkeys(AGGREGATES[1:])
    assert one_bucket([(MINUTE, missing), (2 * MINUTE, 1.0)])["first"] == 1.0


def test_a_bucket_includes_its_end_and_not_its_start() -> None:
    buckets = rollup(telemetry([("n1", NO_DELAY, NO_DELAY, 1.0), ("n1", MICROSECOND, NO_DELAY, 2.0)]), ["load"], HOUR)
    assert buckets["bucket_end"].to_list() == [START, START + HOUR]


@pytest.mark.parametrize(
    ("delay", "lateness"),
    [(NO_DELAY, 0), (30 * MINUTE, 0), (30 * MINUTE + MICROSECOND, 1), (90 * MINUTE, 1), (3 * DAY, 72)],
)
def test_lateness_counts_the_buckets_until_a_sample_was_available(delay: timedelta, lateness: int) -> None:
    buckets = rollup(telemetry([("n1", 30 * MINUTE, delay, 1.0)]), ["load"], HOUR)
    assert buckets["lateness"].to_list() == [lateness]


def test_rows_of_different_lateness_contain_only_their_own_samples() -> None:
    rows = telemetry([("n1", MINUTE, NO_DELAY, 1.0), ("n1", 2 * MINUTE, DAY, 5.0), ("n1", 3 * MINUTE, NO_DELAY, 2.0)])
    buckets = rollup(rows, ["load"], HOUR)
    assert buckets["load__n"].to_list() == [2, 1]
    assert buckets["load__increase"].to_list() == [1.0, 0.0]


def test_a_fall_of_a_counter_is_a_reset_to_zero() -> None:
    assert one_bucket([(MINUTE, 7.0), (2 * MINUTE, 9.0), (3 * MINUTE, 4.0), (4 * MINUTE, 4.0)])["increase"] == 6.0


def test_a_gap_does_not_hide_the_rise_of_a_counter() -> None:
    assert one_bucket([(MINUTE, 7.0), (2 * MINUTE, None), (3 * MINUTE, 9.0)])["increase"] == 2.0


def test_first_and_last_follow_the_times_and_not_the_order_of_rows() -> None:
    aggregates = one_bucket([(3 * MINUTE, 3.0), (MINUTE, 1.0), (2 * MINUTE, 2.0)])
    assert (aggregates["first"], aggregates["last"], aggregates["increase"]) == (1.0, 3.0, 2.0)


def test_equal_samples_have_no_variance() -> None:
    aggregates = one_bucket([(minute * MINUTE, 0.1) for minute in range(1, 4)])
    assert (aggregates["mean"], aggregates["m2"]) == (0.1, 0.0)


def test_the_variance_is_exact_at_a_large_offset() -> None:
    m2 = one_bucket([(minute * MINUTE, 1e9 + minute) for minute in range(1, 4)])["m2"]
    assert m2 == pytest.approx(2.0)


def test_times_before_1970_have_buckets_too() -> None:
    rows = telemetry([("n1", -20_000 * DAY - MINUTE, NO_DELAY, 1.0)])
    assert rollup(rows, ["load"], HOUR)["bucket_end"].to_list() == [START - 20_000 * DAY]
