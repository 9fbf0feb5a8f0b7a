"""One definition, two executors, one answer: a live fleet's features are those that history gives."""

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
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.compute import batch, online
from features.feature import Catalogue, Origin, Peer
from features.grid import EPOCH, to_numpy
from features.population.at_risk import assess
from features.telemetry.aggregates import MOMENTS
from features.telemetry.sliding_windows import SlidingWindows, WindowNeeds
from tests.features.fleets import DAY, START, Fleet, fleet
from tests.features.shelves import Shelf
from tests.features.synthetic import METRICS, WIDTH, synthetic

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOUR = timedelta(hours=1)
KINDS = tuple(Metric(kind.value, kind) for kind in MetricKind)
NAMES = ("n1", "n10", "n2", "N2", "été")
WINDOWS = (4 * HOUR, 7 * HOUR, 26 * HOUR)
ROUNDING = 1e-7  # of the largest value: what another order of merging may do to a difference of windows
Batch = list[tuple[str, int, int, float | None]]


def plain(metrics: tuple[Metric, ...]) -> Catalogue:
    """List the features of telemetry that stand beside no peers: ranks and spreads make much of rounding."""
    every = build(FleetCapabilities(metrics, WINDOWS, has_racks=False, has_hardware=False)).features
    return Catalogue(tuple(f for f in every if f.origin is Origin.SAMPLED and f.peer is Peer.NONE))


def both(one: Fleet, at: datetime, catalogue: Catalogue, shelf: Shelf) -> tuple[NDArray[np.float32], ...]:
    """Compute the features of everybody at risk by either executor."""
    view = one.view(at)
    risk = assess(view, np.array([to_numpy(at)]), None)
    rows = risk.rows()
    return batch.compute(catalogue, view, risk, rows), online.compute(catalogue, view, risk, rows, shelf)


def forget(stacks: SlidingWindows, changed: pl.DataFrame, known: pl.DataFrame) -> None:
    """Drop what holds a bucket of which samples changed, or became known since the last view."""
    ends = pl.concat([changed, known]).select(end=bucket_end(stacks.needs.width))["end"].unique().to_list()
    stacks.forget([(end, end) for end in ends])


def known_within(one: Fleet, since: datetime, at: datetime) -> pl.DataFrame:
    """Give the samples that became known in the buckets after a time, up to another."""
    return one.telemetry.filter((pl.col(AVAILABLE_AT) > since) & (pl.col(AVAILABLE_AT) <= at))


def assert_one_answer(told: tuple[NDArray[np.float32], ...], catalogue: Catalogue, scale: float = 1e3) -> None:
    expected, found = told
    close = np.isclose(found, expected, rtol=1e-6, atol=ROUNDING * scale, equal_nan=True)
    wrong = [name for name, good in zip(catalogue.names, np.all(close, axis=0).tolist(), strict=True) if not good]
    assert not wrong, (wrong, expected[~close][:5], found[~close][:5])


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Draw samples by minute, some of them late, twice, missing or not a number."""
    values = st.sampled_from([0.0, -0.0, 1.0, 2.5, 7.0, 100.0, 1000.0, float("nan"), None])
    minute = st.one_of(st.integers(0, 60 * 60), st.sampled_from([0, 60, 240, 1440, 3600]))
    delay = st.sampled_from([0, 0, 0, 1, 30, 60, 61, 500, 2000])
    return draw(st.lists(st.tuples(st.sampled_from(NAMES), minute, delay, values), max_size=25))


def samples(drawn: Batch) -> pl.DataFrame:
    rows = [
        (name, START + at * HOUR / 60, START + (at + delay) * HOUR / 60, *[value] * len(KINDS))
        for name, at, delay, value in drawn
    ]
    schema = {**TELEMETRY_KEYS, **{metric.name: pl.Float64() for metric in KINDS}}
    return pl.DataFrame(rows, schema=schema, orient="row")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(batches(), st.integers(-30, 40)), min_size=1, max_size=5))
def test_what_is_kept_and_added_to_is_what_history_gives(steps: list[tuple[Batch, int]]) -> None:
    catalogue, shelf, hour, since = plain(KINDS), Shelf(), 10, START - DAY
    nodes = [{"node": name, "observed_from": START - DAY * number} for number, name in enumerate(NAMES)]
    one = replace(fleet(nodes=nodes, metrics=KINDS), telemetry=samples([]), width=HOUR)
    for drawn, ahead in steps:
        hour = max(hour + ahead, 1)
        at, new = START + hour * HOUR, samples(drawn)
        one = replace(one, telemetry=TELEMETRY_RULE.resolve(pl.concat([one.telemetry, new])))
        if at < since:  # a clock that went back: nothing that was kept is of that time
            shelf = Shelf()
        forget(SlidingWindows(WindowNeeds.of(catalogue, HOUR), one.view(at), shelf), new, known_within(one, since, at))
        assert_one_answer(both(one, at, catalogue, shelf), catalogue)
        since = at


@pytest.mark.parametrize("late", [0, 3])
def test_every_feature_of_the_catalogue_beside_its_peers(late: int) -> None:
    one = synthetic(np.random.default_rng(late), nodes=25, days=18)
    catalogue, shelf = (
        build(FleetCapabilities(METRICS, (DAY, 2 * DAY, 7 * DAY), has_racks=True, has_hardware=True)),
        Shelf(),
    )
    for step in range(14):
        at = START + 8 * DAY + step * WIDTH
        told_late = known_within(one, at - WIDTH, at)
        forget(SlidingWindows(WindowNeeds.of(catalogue, WIDTH), one.view(at), shelf), told_late.clear(), told_late)
        told = both(one, at, catalogue, shelf)
        assert len(told[0]) > 10
        assert_one_answer(told, catalogue, scale=1)


def test_a_fold_has_the_same_bits_whether_it_was_kept_or_is_made_anew() -> None:
    one = synthetic(np.random.default_rng(2), nodes=9, days=14)
    catalogue, kept = build(FleetCapabilities(METRICS, (DAY, 3 * DAY), has_racks=True, has_hardware=False)), Shelf()
    for step in range(16):
        at = START + 6 * DAY + step * WIDTH
        told_late = known_within(one, at - WIDTH, at)
        forget(SlidingWindows(WindowNeeds.of(catalogue, WIDTH), one.view(at), kept), told_late.clear(), told_late)
        anew = Shelf()
        found, expected = both(one, at, catalogue, kept)[1], both(one, at, catalogue, anew)[1]
        assert found.tobytes() == expected.tobytes()


def test_an_hour_is_merged_into_what_is_there_without_a_look_at_what_was_before() -> None:
    one = synthetic(np.random.default_rng(6), nodes=6, days=30)
    catalogue, shelf = build(FleetCapabilities(METRICS, (DAY, 7 * DAY), has_racks=False, has_hardware=False)), Shelf()
    at = START + 20 * DAY + WIDTH
    both(one, at, catalogue, shelf)
    cut = replace(one, telemetry=one.telemetry.filter(pl.col(TS) > at))
    view = cut.view(at + WIDTH)
    windows = SlidingWindows(WindowNeeds.of(catalogue, WIDTH), view, shelf).windows()
    samples_in_week = windows[28].parts["temperature", MOMENTS][0]
    assert samples_in_week.min() > 28, "seven days of samples, though only the newest six hours can still be read"


def test_a_shelf_does_not_grow() -> None:
    one = synthetic(np.random.default_rng(1), nodes=5, days=30)
    catalogue, shelf, sizes = (
        build(FleetCapabilities(METRICS, (DAY, 7 * DAY), has_racks=False, has_hardware=False)),
        Shelf(),
        [],
    )
    for step in range(30):
        both(one, START + 10 * DAY + step * WIDTH, catalogue, shelf)
        sizes.append(len(shelf.tables))
    assert max(sizes[-8:]) == max(sizes[:8])


def test_a_catalogue_without_windows_needs_no_shelf() -> None:
    one = synthetic(np.random.default_rng(1), nodes=6, days=12)
    catalogue, shelf = (
        build(FleetCapabilities(METRICS[5:], (DAY, 7 * DAY), has_racks=True, has_hardware=False)),
        Shelf(),
    )
    expected, found = both(one, START + 9 * DAY, catalogue, shelf)
    assert found.tobytes() == expected.tobytes()
    assert not shelf.tables


def test_nobody_at_risk_gives_no_row_and_keeps_what_comes() -> None:
    one = synthetic(np.random.default_rng(1), nodes=4, days=9)
    gone = replace(one, nodes=one.nodes.with_columns(observed_until=pl.lit(START)))
    catalogue, shelf = build(FleetCapabilities(METRICS, (DAY, 7 * DAY), has_racks=True, has_hardware=True)), Shelf()
    assert both(gone, START + 8 * DAY, catalogue, shelf)[1].shape == (0, len(catalogue.names))
    assert shelf.tables[f"head-{(START + 8 * DAY - EPOCH) // WIDTH}"][NODE].n_unique() == 4
