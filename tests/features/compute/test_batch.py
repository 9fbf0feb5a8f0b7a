"""The batch executor: the matrix has the same bits however rows, features and blocks are split."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from data.schema import TELEMETRY_KEYS, Metric, MetricKind
from data.view import RecordFrames, View
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.catalogue.history_windows import HistoryWindows
from features.catalogue.on_change import LAST
from features.compute import batch
from features.compute.sampled import spans
from features.feature import Catalogue, Feature, Peer
from features.population.at_risk import AtRisk, Coverage, assess
from features.telemetry.on_change import OnChangeStatistic
from features.telemetry.window_statistics import MEAN
from tests.features.fleets import DAY, START, Fleet, fleet
from tests.features.protocol import daily, stepwise
from tests.features.synthetic import METRICS, WIDTH, at_width, synthetic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Array
    from features.population.at_risk import Rows
    from features.telemetry.on_change import KnownValues

FLEET = FleetCapabilities(METRICS, (DAY, 2 * DAY, 7 * DAY), has_racks=True, has_hardware=True, causes=("fan",))
NODE = {"node": "a", "observed_from": START - 30 * DAY}
NOW = Feature("x", MEAN, DAY, "", "")
ON_CHANGE = Feature("x", LAST, None, "", "")


def compute(records: Fleet, catalogue: Catalogue, days: int = 3) -> tuple[AtRisk, NDArray[np.float32]]:
    """Compute the features of all nodes at risk on the first days."""
    view = records.view()
    risk = assess(view, daily(START, days), None)
    return risk, batch.compute(catalogue, view, risk, risk.rows())


def fleet_of(values: dict[str, list[float | None]]) -> Fleet:
    """Build a fleet that reports one value of metric x per day."""
    rows = [
        (name, START + day * DAY, START + day * DAY, value)
        for name, by_day in values.items()
        for day, value in enumerate(by_day)
    ]
    samples = pl.DataFrame(rows, schema={**TELEMETRY_KEYS, "x": pl.Float64()}, orient="row")
    return fleet(nodes=[NODE | {"node": name} for name in values], telemetry=samples, metrics=(Metric("x"),))


def same_bits(first: NDArray[np.float32], second: NDArray[np.float32]) -> bool:
    return np.array_equal(first.view(np.uint32) * ~np.isnan(first), second.view(np.uint32) * ~np.isnan(second))


WIDTHS = [timedelta(minutes=5), timedelta(hours=1), WIDTH, DAY]


def scored_each_bucket(width: timedelta, seed: int, days: int = 30) -> tuple[View, AtRisk, Catalogue]:
    """Return a made-up fleet with buckets of a width, its nodes at risk at the end of 15 of them, and its features."""
    view = at_width(synthetic(np.random.default_rng(seed), nodes=12, days=days), width).view()
    risk = assess(view, stepwise(START + 8 * width, 15, width), Coverage("seen_n", 0.5))
    history = HistoryWindows.of((4 * width, 28 * width), ())
    return view, risk, build(replace(FLEET, windows=(width, 4 * width, 7 * width), history=history))


@pytest.mark.parametrize("width", WIDTHS)
def test_some_rows_alone_have_the_same_bits_as_among_all_rows(width: timedelta) -> None:
    view, risk, catalogue = scored_each_bucket(width, seed=3)
    rows = risk.rows()
    matrix = batch.compute(catalogue, view, risk, rows)
    for positions in (np.arange(len(rows))[::3], np.flatnonzero(rows.cutoff == 4), np.array([len(rows) - 1, 0])):
        assert same_bits(batch.compute(catalogue, view, risk, rows.take(positions)), matrix[positions])


@pytest.mark.parametrize("width", WIDTHS)
def test_spans_of_time_and_runs_of_metrics_change_no_bit(width: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    view, risk, catalogue = scored_each_bucket(width, seed=5)
    matrix = batch.compute(catalogue, view, risk, risk.rows())
    monkeypatch.setattr("features.compute.sampled.SPAN_CELLS", 1)
    monkeypatch.setattr("features.compute.sampled.READ_CELLS", 1)
    assert len(list(spans(risk.rows(), view.width, 7 * width))) > 2
    assert same_bits(batch.compute(catalogue, view, risk, risk.rows()), matrix)


def test_a_feature_has_the_same_bits_alone_and_among_all() -> None:
    view = synthetic(np.random.default_rng(4), nodes=12, days=20).view()
    risk, catalogue = assess(view, daily(START + 2 * DAY, 15), None), build(FLEET)
    matrix = batch.compute(catalogue, view, risk, risk.rows())
    assert matrix.shape[1] > 60
    for column in range(0, matrix.shape[1], 7):
        alone = batch.compute(Catalogue(catalogue.features[column : column + 1]), view, risk, risk.rows())
        assert same_bits(np.ascontiguousarray(alone[:, 0]), np.ascontiguousarray(matrix[:, column]))


def test_peers_are_the_nodes_that_are_present_at_the_time() -> None:
    values: dict[str, list[float | None]] = {name: [float(number)] for number, name in enumerate("abcdefg")}
    ranked = Catalogue((replace(NOW, peer=Peer.RANK),))
    records = fleet_of(values)
    assert compute(records, ranked, 1)[1][:, 0] == pytest.approx(np.arange(7) / 6)
    until = pl.when(pl.col("node").is_in(["a", "b"])).then(pl.lit(START)).alias("observed_until")
    without_two = replace(records, nodes=records.nodes.with_columns(until))
    assert compute(without_two, ranked, 1)[1][:, 0] == pytest.approx(np.arange(5) / 4)


def test_rows_that_are_not_at_risk_have_features_too() -> None:
    view = fleet_of({"a": [1.0, 2.0, 3.0]}).view()
    risk = assess(view, daily(START, 3), None)
    rows = replace(risk.rows(), cutoffs=risk.cutoffs - np.timedelta64(24, "h"))
    shifted = batch.compute(Catalogue((NOW,)), view, replace(risk, cutoffs=rows.cutoffs), rows)
    assert shifted[:, 0] == pytest.approx([np.nan, 1, 2], nan_ok=True)


def test_values_beyond_float32_are_unknown() -> None:
    records = fleet_of({"a": [1e300, -1e300, 7.0]})
    for feature in (NOW, ON_CHANGE):
        assert compute(records, Catalogue((feature,)))[1][:, 0] == pytest.approx([np.nan, np.nan, 7], nan_ok=True)


def test_an_all_missing_metric_gives_no_value() -> None:
    records = fleet_of({"a": [None, None, None], "b": [None, None, None]})
    catalogue = build(FleetCapabilities((Metric("x"),), (DAY, 2 * DAY), has_racks=True, has_hardware=True))
    _, features = compute(records, catalogue)
    columns = [column for column, feature in enumerate(catalogue.features) if feature.metric == "x"]
    assert len(columns) > 5
    assert np.isnan(features[:, columns]).all()


@pytest.mark.parametrize("kind", list(MetricKind))
def test_a_node_that_never_reported_has_no_value(kind: MetricKind) -> None:
    records = fleet_of({"a": [1.0, 2.0, 3.0], "silent": [None, None, None]})
    catalogue = build(FleetCapabilities((Metric("x", kind),), (DAY, 2 * DAY), has_racks=True, has_hardware=True))
    risk, features = compute(records, Catalogue(tuple(f for f in catalogue.features if f.metric == "x")))
    silent = features[risk.rows().node == risk.names.index("silent")]
    assert silent.size
    assert np.all(np.isnan(silent) | (silent == 0))


def test_a_fleet_without_telemetry_has_no_values() -> None:
    bare = View(START + 9 * DAY, DAY, RecordFrames(fleet().events, fleet(nodes=[NODE]).nodes, fleet().blind))
    risk = assess(bare, daily(START, 2), None)
    features = batch.compute(Catalogue((NOW, ON_CHANGE)), bare, risk, risk.rows())
    assert features.shape == (2, 2)
    assert np.isnan(features).all()


def test_a_clock_that_jumped_back_costs_no_memory() -> None:
    records = fleet_of({"a": [1.0, 2.0, 3.0]})
    long_ago = records.telemetry.head(1).with_columns(pl.lit(START - 40_000 * DAY).alias("ts"))
    early = replace(records, telemetry=pl.concat([records.telemetry, long_ago]))
    assert same_bits(compute(early, Catalogue((NOW,)))[1], compute(records, Catalogue((NOW,)))[1])


def rows_of(risk: AtRisk, count: int) -> Rows:
    return risk.rows().take(np.arange(count))


def test_no_rows_and_no_features_are_an_empty_matrix() -> None:
    view = fleet_of({"a": [1.0]}).view()
    risk = assess(view, daily(START, 1), None)
    assert batch.compute(build(FLEET), view, risk, rows_of(risk, 0)).shape == (0, len(build(FLEET).features))
    assert batch.compute(Catalogue(()), view, risk, rows_of(risk, 1)).shape == (1, 0)


def test_what_a_thread_raises_is_raised() -> None:
    def fail(_now: KnownValues, _then: KnownValues) -> Array:
        raise ArithmeticError("median")

    with pytest.raises(ArithmeticError, match="median"):
        compute(fleet_of({"a": [1.0]}), Catalogue((replace(ON_CHANGE, statistic=OnChangeStatistic("median", fail)),)))


def test_blocks_hold_each_row_once_with_the_bits_of_the_whole_matrix() -> None:
    view = synthetic(np.random.default_rng(3)).view(START + 50 * DAY)
    risk = assess(view, daily(START + 30 * DAY, 15), None)
    rows, catalogue = risk.rows(), build(FLEET)
    matrix = batch.compute(catalogue, view, risk, rows)
    assert matrix.size > 0
    for cells in (1, 3 * len(risk.names) * len(catalogue.features), matrix.size):
        blocks = list(batch.blocks(catalogue, view, risk, rows, cells))
        assert (len(blocks) == 1) == (cells == matrix.size)
        assert np.array_equal(np.sort(np.concatenate([positions for positions, _ in blocks])), np.arange(len(rows)))
        for positions, block in blocks:
            assert same_bits(block, matrix[positions])
            assert block.size <= cells or len(np.unique(rows.cutoff[positions])) == 1


def test_without_rows_there_is_no_block() -> None:
    view = synthetic(np.random.default_rng(3)).view(START + 50 * DAY)
    risk = assess(view, daily(START + 30 * DAY, 3), None)
    assert list(batch.blocks(build(FLEET), view, risk, rows_of(risk, 0))) == []
