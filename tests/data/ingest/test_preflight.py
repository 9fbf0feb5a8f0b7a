from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl

from data.ingest.preflight import Preflight, survey
from data.validation.rows import Bounds
from tests.data.made_up import DAY, HOUR, NOW, START, MemorySource, events, nodes, source, telemetry

NONE = timedelta(0)
SOUND = telemetry([("n1", HOUR, NONE, 1.0), ("n2", HOUR, NONE, 2.0)])


def survey_of(origin: MemorySource, *known: str) -> Preflight:
    return survey(origin, Bounds(origin.name, NOW, pl.Series("node", known, dtype=pl.String)))


def test_nodes_known_before_and_nodes_listed_now_are_known() -> None:
    found = survey_of(source(SOUND, names=["n2"]), "n1")
    assert sorted(found.bounds.known) == ["n1", "n2"]


def test_rows_are_counted_with_those_that_will_be_rejected() -> None:
    found = survey_of(source(SOUND, telemetry([("stranger", HOUR, NONE, 1.0)])))
    assert found.telemetry.rows == 3


def test_the_newest_time_is_that_of_telemetry_events_or_nodes_whichever_is_newest() -> None:
    late_event = events([{"end_recorded_at": START + 3 * DAY}])
    late_node = nodes([{}, {"node": "n2", "observed_from": START + 4 * DAY}])
    origin = source(SOUND)
    assert survey_of(origin).newest == START + HOUR
    assert survey_of(replace(origin, event_rows=late_event)).newest == START + 3 * DAY
    assert survey_of(replace(origin, node_rows=late_node)).newest == START + 4 * DAY


def test_an_inventory_keeps_the_age_that_it_states() -> None:
    origin = replace(source(SOUND), node_rows=nodes([{"as_of": START + 9 * DAY}, {"node": "n2"}]))
    assert survey_of(origin).nodes.good["as_of"].to_list() == [START + 9 * DAY] * 2


def test_a_metric_that_one_batch_fills_is_not_silent() -> None:
    empty = telemetry([("n1", 2 * HOUR, NONE, None)], "fan")
    found = survey_of(source(empty, telemetry([("n1", 3 * HOUR, NONE, 1.0)], "fan"), SOUND.clear()))
    assert found.telemetry.metrics == frozenset({"fan", "load"})
    assert found.telemetry.silent == frozenset({"load"})
