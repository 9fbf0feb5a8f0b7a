"""The two executors agree: a live fleet's features are those that the batch executor computes from history."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.delta.rollup import bucket_end
from data.merge_rule import TELEMETRY_RULE
from data.schema import AVAILABLE_AT, NODE, TELEMETRY_KEYS, TS, Metric, MetricKind
from data.time_grid import EPOCH
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.catalogue.history_windows import HistoryWindows
from features.compute import batch, online
from features.feature import Catalogue, Origin, Peer
from features.grid import to_numpy
from features.population.at_risk import assess
from features.telemetry.aggregates import MOMENTS
from features.telemetry.sliding_windows import SlidingWindows, WindowNeeds
from tests.features.fleets import DAY, START, Fleet, fleet
from tests.features.synthetic import METRICS, WIDTH, at_width, synthetic

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

HOUR = timedelta(hours=1)
KINDS = tuple(Metric(kind.value, kind) for kind in MetricKind)
NAMES = ("n1", "n10", "n2", "N2", "été")
WIDTHS = (timedelta(minutes=5), HOUR, DAY)  # of the buckets; a fleet is scored when each ends
ROUNDING = 1e-7  # of the largest value: by how much a difference of windows may depend on the order of merging
Batch = list[tuple[str, int, int, float | None]]


class MemoryCache:
    """A window cache in memory."""

    def __init__(self) -> None:
        self.tables: dict[str, pl.DataFrame] = {}

    def names(self) -> Collection[str]:
        return self.tables.keys()

    def get(self, name: str) -> pl.DataFrame | None:
        return self.tables.get(name)

    def put(self, name: str, table: pl.DataFrame) -> None:
        self.tables[name] = table

    def drop(self, name: str) -> None:
        del self.tables[name]


def without_peers(metrics: tuple[Metric, ...], width: timedelta) -> Catalogue:
    """List the features of telemetry that compare with no peers: ranks and spreads would amplify rounding."""
    windows = (4 * width, 7 * width, 26 * width)
    features = build(FleetCapabilities(metrics, windows, has_racks=False, has_hardware=False)).features
    return Catalogue(tuple(f for f in features if f.origin is Origin.SAMPLED and f.peer is Peer.NONE))


def both(records: Fleet, at: datetime, catalogue: Catalogue, cache: MemoryCache) -> tuple[NDArray[np.float32], ...]:
    """Compute the features of all nodes at risk by the batch and by the online executor."""
    view = records.view(at)
    risk = assess(view, np.array([to_numpy(at)]), None)
    rows = risk.rows()
    return batch.compute(catalogue, view, risk, rows), online.compute(catalogue, view, risk, rows, cache)


def forget(windows: SlidingWindows, changed: pl.DataFrame, newly_known: pl.DataFrame) -> None:
    """Drop the tables with a bucket of which samples changed, or became known since the last view."""
    ends = pl.concat([changed, newly_known]).select(end=bucket_end(windows.needs.width))["end"].unique().to_list()
    windows.forget([(end, end) for end in ends])


def known_within(records: Fleet, since: datetime, at: datetime) -> pl.DataFrame:
    """Return the samples that became known in the buckets after a time, up to another."""
    return records.telemetry.filter((pl.col(AVAILABLE_AT) > since) & (pl.col(AVAILABLE_AT) <= at))


def assert_agree(matrices: tuple[NDArray[np.float32], ...], catalogue: Catalogue, scale: float = 1e3) -> None:
    expected, actual = matrices
    close = np.isclose(actual, expected, rtol=1e-6, atol=ROUNDING * scale, equal_nan=True)
    wrong = [name for name, good in zip(catalogue.names, np.all(close, axis=0).tolist(), strict=True) if not good]
    assert not wrong, (wrong, expected[~close][:5], actual[~close][:5])


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Draw samples by sixtieth of a bucket, some of them late, twice, missing or not a number."""
    values = st.sampled_from([0.0, -0.0, 1.0, 2.5, 7.0, 100.0, 1000.0, float("nan"), None])
    minute = st.one_of(st.integers(0, 60 * 60), st.sampled_from([0, 60, 240, 1440, 3600]))
    delay = st.sampled_from([0, 0, 0, 1, 30, 60, 61, 500, 2000])
    return draw(st.lists(st.tuples(st.sampled_from(NAMES), minute, delay, values), max_size=25))


def samples(drawn: Batch, width: timedelta) -> pl.DataFrame:
    rows = [
        (name, START + minute * width / 60, START + (minute + delay) * width / 60, *[value] * len(KINDS))
        for name, minute, delay, value in drawn
    ]
    schema = {**TELEMETRY_KEYS, **{metric.name: pl.Float64() for metric in KINDS}}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize("width", WIDTHS)
@settings(max_examples=12, deadline=None)
@given(steps=st.lists(st.tuples(batches(), st.integers(-30, 40)), min_size=1, max_size=5))
def test_cached_windows_with_new_samples_equal_those_of_history(
    width: timedelta, steps: list[tuple[Batch, int]]
) -> None:
    catalogue, cache, bucket, since = without_peers(KINDS, width), MemoryCache(), 10, START - DAY
    assert len(catalogue.features) == 19
    nodes = [{"node": name, "observed_from": START - DAY * number} for number, name in enumerate(NAMES)]
    records = replace(fleet(nodes=nodes, metrics=KINDS), telemetry=samples([], width), width=width)
    for drawn, ahead in steps:
        bucket = max(bucket + ahead, 1)
        at, new = START + bucket * width, samples(drawn, width)
        records = replace(records, telemetry=TELEMETRY_RULE.resolve(pl.concat([records.telemetry, new])))
        if at < since:  # a clock that went back: cached tables are of later times
            cache = MemoryCache()
        windows = SlidingWindows(WindowNeeds.of(catalogue, width), records.view(at), cache)
        forget(windows, new, known_within(records, since, at))
        assert_agree(both(records, at, catalogue, cache), catalogue)
        since = at


@pytest.mark.parametrize(("width", "days"), [(WIDTHS[0], 18), (WIDTHS[1], 18), (WIDTH, 18), (DAY, 60)])
def test_every_feature_of_the_catalogue_agrees_peers_included(width: timedelta, days: int) -> None:
    records, cache = at_width(synthetic(np.random.default_rng(3), nodes=25, days=days), width), MemoryCache()
    history = HistoryWindows.of((4 * width, 28 * width), ())
    windows = (width, 4 * width, 28 * width)
    catalogue = build(FleetCapabilities(METRICS, windows, has_racks=True, has_hardware=True, history=history))
    assert len(catalogue.features) > 60
    for step in range(9):
        at = START + (32 + step) * width
        new = known_within(records, at - width, at)
        forget(SlidingWindows(WindowNeeds.of(catalogue, width), records.view(at), cache), new.clear(), new)
        matrices = both(records, at, catalogue, cache)
        assert len(matrices[0]) > 10
        assert_agree(matrices, catalogue, scale=1)


@pytest.mark.parametrize(("width", "days"), [(WIDTHS[0], 14), (WIDTHS[1], 14), (DAY, 45)])
def test_cached_windows_have_the_same_bits_as_recomputed_ones(width: timedelta, days: int) -> None:
    records, cache = at_width(synthetic(np.random.default_rng(2), nodes=9, days=days), width), MemoryCache()
    catalogue = build(FleetCapabilities(METRICS, (4 * width, 12 * width), has_racks=True, has_hardware=False))
    assert len(catalogue.features) > 60
    for step in range(8):
        at = START + (24 + step) * width
        new = known_within(records, at - width, at)
        forget(SlidingWindows(WindowNeeds.of(catalogue, width), records.view(at), cache), new.clear(), new)
        from_cache, recomputed = both(records, at, catalogue, cache)[1], both(records, at, catalogue, MemoryCache())[1]
        assert len(from_cache) > 0
        assert from_cache.tobytes() == recomputed.tobytes()


def test_a_new_bucket_is_merged_without_reading_older_ones() -> None:
    records, cache = synthetic(np.random.default_rng(6), nodes=6, days=30), MemoryCache()
    catalogue = build(FleetCapabilities(METRICS, (DAY, 7 * DAY), has_racks=False, has_hardware=False))
    at = START + 20 * DAY + WIDTH
    both(records, at, catalogue, cache)
    newest_only = replace(records, telemetry=records.telemetry.filter(pl.col(TS) > at))
    windows = SlidingWindows(WindowNeeds.of(catalogue, WIDTH), newest_only.view(at + WIDTH), cache).windows()
    samples_in_week = windows[28].parts["temperature", MOMENTS][0]
    assert samples_in_week.min() > 28, "seven days of samples, though only the newest six hours can still be read"


def test_the_cache_does_not_grow() -> None:
    records, cache, sizes = synthetic(np.random.default_rng(1), nodes=5, days=30), MemoryCache(), []
    catalogue = build(FleetCapabilities(METRICS, (DAY, 7 * DAY), has_racks=False, has_hardware=False))
    for step in range(30):
        both(records, START + 10 * DAY + step * WIDTH, catalogue, cache)
        sizes.append(len(cache.tables))
    assert max(sizes[-8:]) == max(sizes[:8])


def test_a_catalogue_without_windows_needs_no_cache() -> None:
    records, cache = synthetic(np.random.default_rng(1), nodes=6, days=12), MemoryCache()
    catalogue = build(FleetCapabilities(METRICS[5:], (DAY, 7 * DAY), has_racks=True, has_hardware=False))
    expected, actual = both(records, START + 9 * DAY, catalogue, cache)
    assert actual.tobytes() == expected.tobytes()
    assert not cache.tables


def test_without_nodes_at_risk_there_is_no_row_but_windows_are_cached() -> None:
    records, cache = synthetic(np.random.default_rng(1), nodes=4, days=9), MemoryCache()
    departed = replace(records, nodes=records.nodes.with_columns(observed_until=pl.lit(START)))
    catalogue = build(FleetCapabilities(METRICS, (DAY, 7 * DAY), has_racks=True, has_hardware=True))
    assert both(departed, START + 8 * DAY, catalogue, cache)[1].shape == (0, len(catalogue.names))
    assert cache.tables[f"head-{(START + 8 * DAY - EPOCH) // WIDTH}"][NODE].n_unique() == 4
