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

NOW = timedelta(0)
VALUES = st.none() | st.floats(-1e6, 1e6, width=32)
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from(["n1", "n2"]),
        st.integers(0, 240).map(lambda minutes: minutes * MINUTE),
        st.sampled_from([NOW, MINUTE, HOUR, 3 * HOUR]),
        VALUES,
    ),
    max_size=40,
    unique_by=lambda sample: sample[:2],
)


def one_bucket(samples: list[tuple[timedelta, float | None]]) -> dict[str, object]:
    """Roll up one node's samples of one bucket; give the aggregates by name."""
    rolled = rollup(telemetry([("n1", after, NOW, value) for after, value in samples]), ["load"], HOUR)
    assert rolled.height == 1
    return {name: rolled[f"load__{name}"][0] for name in AGGREGATES}


def ticks(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def by_hand(samples: list[tuple[datetime, float]]) -> dict[str, float | None]:
    """Aggregate as the definitions read, one sample after the other."""
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
        "first_ts": ticks(samples[0][0]),
        "last_ts": ticks(samples[-1][0]),
        "increase": fsum(new - old if new >= old else new for old, new in pairwise(values)),
    }


@settings(deadline=None)
@given(SAMPLES)
def test_every_aggregate_is_what_its_definition_says(samples: list[Sample]) -> None:
    expected: dict[tuple[str, datetime, int], list[tuple[datetime, float]]] = {}
    for node, after, delay, value in sorted(samples):
        end = START - (-after // HOUR) * HOUR
        lateness = max(0, -((end - START - after - delay) // HOUR))
        part = expected.setdefault((node, end, lateness), [])
        if value is not None:
            part.append((START + after, value))
    rolled = rollup(telemetry(samples), ["load"], HOUR)
    assert list(rolled.select(BUCKET_KEYS.keys()).iter_rows()) == sorted(expected)
    for row in rolled.iter_rows(named=True):
        wanted = by_hand(expected[row["node"], row["bucket_end"], row["lateness"]])
        for name, value in wanted.items():
            found = row[f"load__{name}"]
            assert found == value or (value is not None and isclose(found, value, rel_tol=1e-9, abs_tol=1e-3)), name


@settings(max_examples=40, deadline=None)
@given(SAMPLES, st.integers(0, 99))
def test_a_bucket_has_the_same_bits_alone_and_among_others(samples: list[Sample], seed: int) -> None:
    rows = telemetry(samples)
    rolled = rollup(rows.sample(fraction=1.0, shuffle=True, seed=seed), ["load"], HOUR)
    apart = [
        rollup(part, ["load"], HOUR)
        for part in rows.with_columns(bucket_end(HOUR).alias("end")).partition_by("node", "end")
    ]
    assert pl.concat([rolled.clear(), *apart]).sort(*BUCKET_KEYS).equals(rolled)


@settings(max_examples=30, deadline=None)
@given(SAMPLES)
def test_the_path_for_lone_samples_gives_the_bits_of_the_general_one(samples: list[Sample]) -> None:
    lone = telemetry(samples)
    crowd = telemetry([("zz", NOW, NOW, 1.0), ("zz", -MINUTE, NOW, 2.0)])
    fast = rollup(lone, ["load"], MINUTE)
    general = rollup(pl.concat([lone, crowd]), ["load"], MINUTE).filter(pl.col("node") != "zz")
    assert fast.equals(general)


def test_no_telemetry_rolls_up_to_no_bucket_of_the_right_columns() -> None:
    rolled = rollup(telemetry([]), ["load"], HOUR)
    expected = dict(BUCKET_KEYS) | {f"load__{name}": kind for name, kind in AGGREGATE_TYPES.items()}
    assert rolled.height == 0
    assert dict(rolled.schema) == expected


def test_one_sample_is_its_buckets_mean_and_extremes() -> None:
    found = one_bucket([(MINUTE, 2.5)])
    at = ticks(START + MINUTE)
    assert found == {"n": 1, "mean": 2.5, "m2": 0, "min": 2.5, "max": 2.5, "first": 2.5, "last": 2.5,
                     "first_ts": at, "last_ts": at, "increase": 0}  # fmt: skip


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_sample_is_none(missing: float | None) -> None:
    assert one_bucket([(MINUTE, missing)]) == {"n": 0} | dict.fromkeys(AGGREGATES[1:])
    assert one_bucket([(MINUTE, missing), (2 * MINUTE, 1.0)])["first"] == 1.0


def test_a_bucket_holds_its_end_and_not_its_start() -> None:
    rolled = rollup(telemetry([("n1", NOW, NOW, 1.0), ("n1", MICROSECOND, NOW, 2.0)]), ["load"], HOUR)
    assert rolled["bucket_end"].to_list() == [START, START + HOUR]


@pytest.mark.parametrize(
    ("delay", "lateness"),
    [(NOW, 0), (30 * MINUTE, 0), (30 * MINUTE + MICROSECOND, 1), (90 * MINUTE, 1), (3 * DAY, 72)],
)
def test_lateness_counts_the_buckets_until_a_sample_was_known(delay: timedelta, lateness: int) -> None:
    rolled = rollup(telemetry([("n1", 30 * MINUTE, delay, 1.0)]), ["load"], HOUR)
    assert rolled["lateness"].to_list() == [lateness]


def test_parts_of_different_lateness_hold_their_own_samples_only() -> None:
    rows = telemetry([("n1", MINUTE, NOW, 1.0), ("n1", 2 * MINUTE, DAY, 5.0), ("n1", 3 * MINUTE, NOW, 2.0)])
    rolled = rollup(rows, ["load"], HOUR)
    assert rolled["load__n"].to_list() == [2, 1]
    assert rolled["load__increase"].to_list() == [1.0, 0.0]


def test_a_fall_of_a_counter_is_a_reset_to_zero() -> None:
    assert one_bucket([(MINUTE, 7.0), (2 * MINUTE, 9.0), (3 * MINUTE, 4.0), (4 * MINUTE, 4.0)])["increase"] == 6.0


def test_a_gap_does_not_hide_a_counters_rise() -> None:
    assert one_bucket([(MINUTE, 7.0), (2 * MINUTE, None), (3 * MINUTE, 9.0)])["increase"] == 2.0


def test_first_and_last_follow_the_clock_and_not_the_file() -> None:
    found = one_bucket([(3 * MINUTE, 3.0), (MINUTE, 1.0), (2 * MINUTE, 2.0)])
    assert (found["first"], found["last"], found["increase"]) == (1.0, 3.0, 2.0)


def test_equal_samples_do_not_vary() -> None:
    found = one_bucket([(minute * MINUTE, 0.1) for minute in range(1, 4)])
    assert (found["mean"], found["m2"]) == (0.1, 0.0)


def test_spread_survives_a_large_offset() -> None:
    m2 = one_bucket([(minute * MINUTE, 1e9 + minute) for minute in range(1, 4)])["m2"]
    assert m2 == pytest.approx(2.0)


def test_times_before_1970_have_buckets_too() -> None:
    rows = telemetry([("n1", -20_000 * DAY - MINUTE, NOW, 1.0)])
    assert rollup(rows, ["load"], HOUR)["bucket_end"].to_list() == [START - 20_000 * DAY]
