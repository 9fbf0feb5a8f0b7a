"""Support by node: a node that is new, silent or of new hardware has low support and its reasons, and still a score."""

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
from serving.explanation.explain import ScoredRows
from serving.explanation.reason import from_json
from serving.scoring.low_support import low_support_reasons
from serving.scoring.score import score
from tests.features.fleets import DAY, START, Fleet, fleet, table_of
from tests.models.replays import HORIZONS, SPLIT, made_up
from tests.serving.scoring.test_score import request_of

if TYPE_CHECKING:
    from datetime import datetime

NOW = START + 40 * DAY
TRAINED = START + 20 * DAY
OLD = {"node": "a", "hardware": "x", "observed_from": START - 20 * DAY}
METRIC = Metric("errors", MetricKind.COUNTER, "on_change")


def doubts(records: Fleet, metrics: tuple[Metric, ...] = (), now: datetime = NOW) -> dict[str, list[str]]:
    view = records.view(now)
    risk = assess(view, np.array([to_numpy(now)]), None)
    rows, catalogue = risk.rows(), build(FleetCapabilities(metrics, (DAY,), has_racks=True, has_hardware=True))
    scored = ScoredRows(catalogue, rows, batch.compute(catalogue, view, risk, rows), np.empty((0, 0)), np.empty(0))
    reasons = low_support_reasons(view, scored, TRAINED)
    return {
        rows.names[node]: [reason.text for reason in of_node] for node, of_node in zip(rows.node, reasons, strict=True)
    }


def test_a_node_that_joined_long_ago_has_full_support() -> None:
    assert doubts(fleet(nodes=[OLD])) == {"a": []}


def test_a_node_is_new_for_a_week() -> None:
    young = {days: OLD | {"node": f"n{days}", "observed_from": NOW - days * DAY} for days in (0, 3, 7)}
    assert doubts(fleet(nodes=[OLD, *young.values()])) == {
        "a": [],
        "n0": ["new in the fleet: little is known about it"],
        "n3": ["in the fleet for 3 days: little is known about it"],
        "n7": [],
    }


def test_hardware_that_joined_after_training_is_new_for_as_long_as_the_model_is_used() -> None:
    new = OLD | {"node": "b", "hardware": "y", "observed_from": TRAINED + DAY}
    text = "hardware y is new to the model, which learned from 0 node-days of it"
    assert doubts(fleet(nodes=[OLD, new])) == {"a": [], "b": [text]}


def test_the_node_days_of_hardware_are_those_of_all_its_nodes_until_training() -> None:
    def doubts_after(days: int) -> dict[str, list[str]]:
        gone = {"node": "gone", "hardware": "y", "observed_from": TRAINED - 25 * DAY}
        gone["observed_until"] = TRAINED - 15 * DAY
        present = {"node": "b", "hardware": "y", "observed_from": TRAINED - days * DAY}
        return doubts(fleet(nodes=[gone, present]))

    assert doubts_after(20) == {"b": []}
    assert doubts_after(19) == {"b": ["hardware y is new to the model, which learned from 29 node-days of it"]}


def test_a_fleet_of_unknown_hardware_has_no_new_hardware() -> None:
    assert doubts(fleet(nodes=[{"node": "a", "observed_from": TRAINED + DAY}])) == {"a": []}


def test_a_node_without_telemetry_in_a_fleet_that_has_some_has_low_support() -> None:
    samples = pl.DataFrame({"node": ["a"], "ts": [START], "available_at": [START], "errors": [5.0]})
    records = fleet(nodes=[OLD, OLD | {"node": "b"}], telemetry=samples, metrics=(METRIC,))
    assert doubts(records, (METRIC,)) == {"a": [], "b": ["no telemetry from it is known"]}


def test_an_empty_fleet_has_no_doubts() -> None:
    assert doubts(fleet()) == {}


@cache
def with_new_node() -> Fleet:
    """Add to the made-up fleet a node of a new hardware model that never sent telemetry."""
    new = table_of(NODE_SCHEMA, [{"node": "zz", "rack": "new", "hardware": "next", "observed_from": SPLIT - 2 * DAY}])
    return replace(made_up(), nodes=pl.concat([made_up().nodes, new.select(made_up().nodes.columns)]))


def test_a_new_node_is_scored_with_low_support_and_its_reasons() -> None:
    view = with_new_node().view(SPLIT)
    scores = score(view, request_of(view, coverage=None)).filter(pl.col("node") == "zz")
    assert scores["support"].to_list() == ["low support"] * len(HORIZONS)
    assert scores["probability"].is_between(0, 1).all()
    texts = [reason.text for reason in from_json(scores["reasons"][0])]
    assert texts[:2] == ["in the fleet for 2 days: little is known about it", "no telemetry from it is known"]
    assert texts[2].startswith("hardware next is new to the model")


def test_a_new_node_does_not_change_the_support_of_others() -> None:
    later = SPLIT + timedelta(days=5)
    with_it, without = (
        score(records.view(later), request_of(records.view(later))) for records in (with_new_node(), made_up())
    )
    support = ("node", "horizon_hours", "support")
    assert with_it.filter(pl.col("node") != "zz").select(support).equals(without.select(support))
    assert "ok" in set(without["support"])
