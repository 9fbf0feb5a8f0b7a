from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from data.outages import merge_failures
from models.audit.arrivals import Arrivals
from models.audit.context import AuditContext, AuditMaterial
from tests.features.fleets import DAY, START
from tests.models.replays import WINDOW, made_up, setup_of

HISTORY = START + 12 * DAY


def context(history_start: datetime | None, horizons: tuple[timedelta, ...] | None = None) -> AuditContext:
    setup = replace(setup_of(made_up().metrics), history_start=history_start)
    setup = replace(setup, design=replace(setup.design, horizons=horizons or setup.design.horizons))
    return AuditContext(AuditMaterial(made_up().view(), WINDOW, setup, Arrivals(0, 0, 0, 0), 0.02))


def test_without_a_history_start_everything_counts() -> None:
    everything = context(None)
    assert everything.events.equals(made_up().view().events())
    assert everything.nodes.equals(everything.known.nodes())


def test_nothing_before_the_history_start_counts() -> None:
    history = context(HISTORY)
    events = made_up().view().events()
    assert 0 < history.events.height == events.filter(pl.col("start") >= HISTORY).height < events.height
    assert 0 < history.failures.height == history.failures.filter(pl.col("start") >= HISTORY).height
    assert history.nodes.filter(pl.col("observed_from") < HISTORY).is_empty()
    known = history.known.nodes()
    remaining = known.filter(pl.col("observed_until").is_null() | (pl.col("observed_until") > HISTORY))
    assert sorted(history.nodes["node"]) == sorted(remaining["node"])
    later = known.filter(pl.col("observed_from") > HISTORY)
    assert later.join(history.nodes, on=["node", "observed_from"], how="anti").is_empty()


def test_a_node_that_left_before_the_history_is_not_in_it() -> None:
    everything = context(None).nodes
    left = everything["observed_until"].drop_nulls().sort()
    assert len(left)
    begins = left[0] + timedelta(hours=1)
    assert set(everything["node"]) - set(context(begins).nodes["node"]) == set(
        everything.filter(pl.col("observed_until") <= begins)["node"]
    )


def test_failures_are_merged_as_the_middle_horizon_does() -> None:
    for hours in (1, 24):
        horizon = timedelta(hours=hours)
        expected = merge_failures(made_up().view().events(), horizon).filter(pl.col("start") <= WINDOW.end)
        assert context(None, (horizon,)).failures.equals(expected)
