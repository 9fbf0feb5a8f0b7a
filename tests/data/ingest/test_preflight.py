from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl

from data.ingest.preflight import Preflight, run_preflight
from data.validation.rows import Bounds
from tests.data.made_up import DAY, HOUR, NOW, START, MemorySource, events, nodes, source, telemetry

NO_DELAY = timedelta(0)
SAMPLES = telemetry([("n1", HOUR, NO_DELAY, 1.0), ("n2", HOUR, NO_DELAY, 2.0)])


def preflight_of(checked: MemorySource, *nodes: str) -> Preflight:
    return run_preflight(checked, Bounds(checked.name, NOW, pl.Series("node", nodes, dtype=pl.String)))


def test_earlier_nodes_and_nodes_of_this_inventory_are_known() -> None:
    preflight = preflight_of(source(SAMPLES, names=["n2"]), "n1")
    assert sorted(preflight.bounds.known_nodes) == ["n1", "n2"]


def test_rows_are_counted_with_those_that_will_be_rejected() -> None:
    preflight = preflight_of(source(SAMPLES, telemetry([("stranger", HOUR, NO_DELAY, 1.0)])))
    assert preflight.telemetry.rows == 3


def test_the_newest_time_is_the_latest_of_telemetry_events_and_nodes() -> None:
    late_event = events([{"end_recorded_at": START + 3 * DAY}])
    late_node = nodes([{}, {"node": "n2", "observed_from": START + 4 * DAY}])
    base = source(SAMPLES)
    assert preflight_of(base).newest == START + HOUR
    assert preflight_of(replace(base, event_rows=late_event)).newest == START + 3 * DAY
    assert preflight_of(replace(base, node_rows=late_node)).newest == START + 4 * DAY


def test_an_inventory_keeps_its_own_as_of() -> None:
    dated = replace(source(SAMPLES), node_rows=nodes([{"as_of": START + 9 * DAY}, {"node": "n2"}]))
    assert preflight_of(dated).nodes.valid["as_of"].to_list() == [START + 9 * DAY] * 2


def test_a_metric_with_values_in_one_batch_is_not_empty() -> None:
    empty = telemetry([("n1", 2 * HOUR, NO_DELAY, None)], "fan")
    preflight = preflight_of(source(empty, telemetry([("n1", 3 * HOUR, NO_DELAY, 1.0)], "fan"), SAMPLES.clear()))
    assert preflight.telemetry.metrics == frozenset({"fan", "load"})
    assert preflight.telemetry.empty_metrics == frozenset({"load"})
