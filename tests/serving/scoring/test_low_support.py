"""Support by node: what is new, unheard of or of a strange hardware model is told apart, and still gets an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import NODE_SCHEMA, Metric, MetricKind
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.compute import batch
from features.grid import to_numpy
from features.population.at_risk import assess
from serving.explanation.explain import Rated
from serving.explanation.reason import from_json
from serving.scoring.low_support import tell_newcomers
from serving.scoring.score import score
from tests.features.fleets import DAY, START, Fleet, fleet, table_of
from tests.models.replays import HORIZONS, SPLIT, made_up
from tests.serving.scoring.test_score import asked_of

if TYPE_CHECKING:
    from datetime import datetime

NOW = START + 40 * DAY
TRAINED = START + 20 * DAY
OLD = {"node": "a", "hardware": "x", "observed_from": START - 20 * DAY}
METRIC = Metric("errors", MetricKind.COUNTER, "on_change")


def doubts(one: Fleet, metrics: tuple[Metric, ...] = (), now: datetime = NOW) -> dict[str, list[str]]:
    view = one.view(now)
    risk = assess(view, np.array([to_numpy(now)]), None)
    rows, catalogue = risk.rows(), build(FleetCapabilities(metrics, (DAY,), has_racks=True, has_hardware=True))
    rated = Rated(catalogue, rows, batch.compute(catalogue, view, risk, rows), np.empty((0, 0)), np.empty(0))
    told = tell_newcomers(view, rated, TRAINED)
    return {rows.names[node]: [why.text for why in own] for node, own in zip(rows.node, told, strict=True)}


def test_a_node_that_has_been_there_for_long_is_in_no_doubt() -> None:
    assert doubts(fleet(nodes=[OLD])) == {"a": []}


def test_a_node_is_new_for_a_week() -> None:
    young = {days: OLD | {"node": f"n{days}", "observed_from": NOW - days * DAY} for days in (0, 3, 7)}
    assert doubts(fleet(nodes=[OLD, *young.values()])) == {
        "a": [],
        "n0": ["in the fleet since now: little is known of it"],
        "n3": ["in the fleet for 3 days: little is known of it"],
        "n7": [],
    }


def test_hardware_that_came_after_training_is_strange_for_as_long_as_the_model_is_used() -> None:
    strange = OLD | {"node": "b", "hardware": "y", "observed_from": TRAINED + DAY}
    words = "hardware y is new to the model, which learned from 0 node-days of it"
    assert doubts(fleet(nodes=[OLD, strange])) == {"a": [], "b": [words]}


def test_hardware_is_known_by_all_of_its_nodes_until_training_and_no_further() -> None:
    def few(days: int) -> dict[str, list[str]]:
        gone = {"node": "gone", "hardware": "y", "observed_from": TRAINED - 25 * DAY}
        gone["observed_until"] = TRAINED - 15 * DAY
        there = {"node": "b", "hardware": "y", "observed_from": TRAINED - days * DAY}
        return doubts(fleet(nodes=[gone, there]))

    assert few(20) == {"b": []}
    assert few(19) == {"b": ["hardware y is new to the model, which learned from 29 node-days of it"]}


def test_a_fleet_that_does_not_tell_its_hardware_has_no_strange_hardware() -> None:
    assert doubts(fleet(nodes=[{"node": "a", "observed_from": TRAINED + DAY}])) == {"a": []}


def test_a_node_without_telemetry_in_a_fleet_that_has_some_is_in_doubt() -> None:
    samples = pl.DataFrame({"node": ["a"], "ts": [START], "available_at": [START], "errors": [5.0]})
    one = fleet(nodes=[OLD, OLD | {"node": "b"}], telemetry=samples, metrics=(METRIC,))
    assert doubts(one, (METRIC,)) == {"a": [], "b": ["no telemetry of it is known"]}


def test_no_node_is_no_doubt() -> None:
    assert doubts(fleet()) == {}


@cache
def joined() -> Fleet:
    """Let a node of a new hardware model join the made-up fleet, of which no telemetry ever came."""
    more = table_of(NODE_SCHEMA, [{"node": "zz", "rack": "new", "hardware": "next", "observed_from": SPLIT - 2 * DAY}])
    return replace(made_up(), nodes=pl.concat([made_up().nodes, more.select(made_up().nodes.columns)]))


def test_a_newcomer_is_scored_with_low_support_and_says_why() -> None:
    view = joined().view(SPLIT)
    told = score(view, asked_of(view, coverage=None)).filter(pl.col("node") == "zz")
    assert told["support"].to_list() == ["low support"] * len(HORIZONS)
    assert told["probability"].is_between(0, 1).all()
    texts = [why.text for why in from_json(told["reasons"][0])]
    assert texts[:2] == ["in the fleet for 2 days: little is known of it", "no telemetry of it is known"]
    assert texts[2].startswith("hardware next is new to the model")


def test_a_newcomer_changes_nobody_elses_support() -> None:
    later = SPLIT + timedelta(days=5)
    with_it, without = (score(one.view(later), asked_of(one.view(later))) for one in (joined(), made_up()))
    support = ("node", "horizon_hours", "support")
    assert with_it.filter(pl.col("node") != "zz").select(support).equals(without.select(support))
    assert "ok" in set(without["support"])
