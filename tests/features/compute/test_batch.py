"""The batch executor: any rows, any fleet, one matrix."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from data.schema import TELEMETRY_KEYS, Metric, MetricKind
from data.view import RecordFrames, View
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.catalogue.on_change import LAST
from features.compute import batch
from features.compute.sampled import spans
from features.feature import Catalogue, Feature, Peer
from features.population.at_risk import AtRisk, Coverage, assess
from features.telemetry.on_change import OnChangeStatistic
from features.telemetry.window_statistics import MEAN
from tests.features.fleets import DAY, START, Fleet, fleet
from tests.features.protocol import daily
from tests.features.synthetic import METRICS, synthetic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Array
    from features.population.at_risk import Rows
    from features.telemetry.on_change import KnownValues

PLAN = FleetCapabilities(METRICS, (DAY, 2 * DAY, 7 * DAY), has_racks=True, has_hardware=True, causes=("fan",))
NODE = {"node": "a", "observed_from": START - 30 * DAY}
NOW = Feature("x", MEAN, DAY, "", "")
ON_CHANGE = Feature("x", LAST, None, "", "")


def told(one: Fleet, catalogue: Catalogue, days: int = 3) -> tuple[AtRisk, NDArray[np.float32]]:
    view = one.view()
    risk = assess(view, daily(START, days), None)
    return risk, batch.compute(catalogue, view, risk, risk.rows())


def fleet_of(values: dict[str, list[float | None]]) -> Fleet:
    """Build a fleet that reports a value of metric x a day."""
    rows = [
        (name, START + day * DAY, START + day * DAY, value)
        for name, own in values.items()
        for day, value in enumerate(own)
    ]
    samples = pl.DataFrame(rows, schema={**TELEMETRY_KEYS, "x": pl.Float64()}, orient="row")
    return fleet(nodes=[NODE | {"node": name} for name in values], telemetry=samples, metrics=(Metric("x"),))


def same_bits(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return np.array_equal(one.view(np.uint32) * ~np.isnan(one), other.view(np.uint32) * ~np.isnan(other))


def test_a_part_of_the_rows_has_the_bits_of_all_rows() -> None:
    view = synthetic(np.random.default_rng(3), nodes=12, days=20).view()
    risk, catalogue = assess(view, daily(START + 2 * DAY, 15), Coverage("seen_n", 0.5)), build(PLAN)
    rows = risk.rows()
    every = batch.compute(catalogue, view, risk, rows)
    for chosen in (np.arange(len(rows))[::3], np.flatnonzero(rows.cutoff == 4), np.array([len(rows) - 1, 0])):
        assert same_bits(batch.compute(catalogue, view, risk, rows.take(chosen)), every[chosen])


def test_spans_of_time_and_runs_of_metrics_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    view = synthetic(np.random.default_rng(5), nodes=12, days=30).view()
    risk, catalogue = assess(view, daily(START + 2 * DAY, 25), None), build(PLAN)
    every = batch.compute(catalogue, view, risk, risk.rows())
    monkeypatch.setattr("features.compute.sampled.SPAN_CELLS", 1)
    monkeypatch.setattr("features.compute.sampled.READ_CELLS", 1)
    assert len(list(spans(risk.rows(), view.width, 7 * DAY))) > 2
    assert same_bits(batch.compute(catalogue, view, risk, risk.rows()), every)


def test_a_feature_has_the_same_bits_alone_and_among_all() -> None:
    view = synthetic(np.random.default_rng(4), nodes=12, days=20).view()
    risk, catalogue = assess(view, daily(START + 2 * DAY, 15), None), build(PLAN)
    every = batch.compute(catalogue, view, risk, risk.rows())
    for at in range(0, len(catalogue.features), 7):
        alone = batch.compute(Catalogue(catalogue.features[at : at + 1]), view, risk, risk.rows())
        assert same_bits(np.ascontiguousarray(alone[:, 0]), np.ascontiguousarray(every[:, at]))


def test_peers_are_the_nodes_that_are_present_at_the_time() -> None:
    values: dict[str, list[float | None]] = {name: [float(number)] for number, name in enumerate("abcdefg")}
    ranked = Catalogue((replace(NOW, peer=Peer.RANK),))
    one = fleet_of(values)
    assert told(one, ranked, 1)[1][:, 0] == pytest.approx(np.arange(7) / 6)
    gone = pl.when(pl.col("node").is_in(["a", "b"])).then(pl.lit(START)).alias("observed_until")
    assert told(replace(one, nodes=one.nodes.with_columns(gone)), ranked, 1)[1][:, 0] == pytest.approx(np.arange(5) / 4)


def test_rows_that_are_not_at_risk_can_be_asked_too() -> None:
    one = fleet_of({"a": [1.0, 2.0, 3.0]})
    view = one.view()
    risk = assess(view, daily(START, 3), None)
    rows = replace(risk.rows(), cutoffs=risk.cutoffs - np.timedelta64(24, "h"))
    shifted = batch.compute(Catalogue((NOW,)), view, replace(risk, cutoffs=rows.cutoffs), rows)
    assert shifted[:, 0] == pytest.approx([np.nan, 1, 2], nan_ok=True)


def test_values_beyond_float32_are_unknown() -> None:
    one = fleet_of({"a": [1e300, -1e300, 7.0]})
    for feature in (NOW, ON_CHANGE):
        assert told(one, Catalogue((feature,)))[1][:, 0] == pytest.approx([np.nan, np.nan, 7], nan_ok=True)


def test_an_all_missing_metric_gives_no_value() -> None:
    one = fleet_of({"a": [None, None, None], "b": [None, None, None]})
    catalogue = build(FleetCapabilities((Metric("x"),), (DAY, 2 * DAY), has_racks=True, has_hardware=True))
    _, features = told(one, catalogue)
    own = [at for at, feature in enumerate(catalogue.features) if feature.metric == "x"]
    assert len(own) > 5
    assert np.isnan(features[:, own]).all()


@pytest.mark.parametrize("kind", list(MetricKind))
def test_a_node_of_which_nothing_was_ever_heard_has_no_value(kind: MetricKind) -> None:
    one = fleet_of({"a": [1.0, 2.0, 3.0], "silent": [None, None, None]})
    catalogue = build(FleetCapabilities((Metric("x", kind),), (DAY, 2 * DAY), has_racks=True, has_hardware=True))
    risk, features = told(one, Catalogue(tuple(f for f in catalogue.features if f.metric == "x")))
    silent = features[risk.rows().node == risk.names.index("silent")]
    assert np.all(np.isnan(silent) | (silent == 0))


def test_a_fleet_without_telemetry_has_no_values() -> None:
    bare = View(START + 9 * DAY, DAY, RecordFrames(fleet().events, fleet(nodes=[NODE]).nodes, fleet().blind))
    risk = assess(bare, daily(START, 2), None)
    assert np.isnan(batch.compute(Catalogue((NOW, ON_CHANGE)), bare, risk, risk.rows())).all()


def test_a_clock_that_jumped_back_costs_no_memory() -> None:
    one = fleet_of({"a": [1.0, 2.0, 3.0]})
    long_ago = one.telemetry.head(1).with_columns(pl.lit(START - 40_000 * DAY).alias("ts"))
    early = replace(one, telemetry=pl.concat([one.telemetry, long_ago]))
    assert same_bits(told(early, Catalogue((NOW,)))[1], told(one, Catalogue((NOW,)))[1])


def rows_of(risk: AtRisk, count: int) -> Rows:
    return risk.rows().take(np.arange(count))


def test_no_rows_and_no_features_are_an_empty_matrix() -> None:
    one = fleet_of({"a": [1.0]})
    view = one.view()
    risk = assess(view, daily(START, 1), None)
    assert batch.compute(build(PLAN), view, risk, rows_of(risk, 0)).shape == (0, len(build(PLAN).features))
    assert batch.compute(Catalogue(()), view, risk, rows_of(risk, 1)).shape == (1, 0)


def test_what_a_thread_raises_is_raised() -> None:
    def fail(_now: KnownValues, _then: KnownValues) -> Array:
        raise ArithmeticError("median")

    with pytest.raises(ArithmeticError, match="median"):
        told(fleet_of({"a": [1.0]}), Catalogue((replace(ON_CHANGE, statistic=OnChangeStatistic("median", fail)),)))


def test_blocks_give_the_bits_of_the_whole_and_each_row_once() -> None:
    view = synthetic(np.random.default_rng(3)).view(START + 50 * DAY)
    risk = assess(view, daily(START + 30 * DAY, 15), None)
    rows, catalogue = risk.rows(), build(PLAN)
    every = batch.compute(catalogue, view, risk, rows)
    for cells in (1, 3 * len(risk.names) * len(catalogue.features), every.size):
        found = list(batch.blocks(catalogue, view, risk, rows, cells))
        assert (len(found) == 1) == (cells == every.size)
        assert np.array_equal(np.sort(np.concatenate([chosen for chosen, _ in found])), np.arange(len(rows)))
        for chosen, told in found:
            assert same_bits(told, every[chosen])
            assert told.size <= cells or len(np.unique(rows.cutoff[chosen])) == 1


def test_no_row_has_no_block() -> None:
    view = synthetic(np.random.default_rng(3)).view(START + 50 * DAY)
    risk = assess(view, daily(START + 30 * DAY, 3), None)
    assert list(batch.blocks(build(PLAN), view, risk, rows_of(risk, 0))) == []
