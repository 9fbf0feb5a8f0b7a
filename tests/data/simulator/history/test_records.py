from __future__ import annotations

import polars as pl
import pytest

from data.schema import BLIND_SCHEMA, NODE
from data.simulator.fleet import histories
from data.simulator.history import records
from data.simulator.history.site_events import draw_site
from tests.data.simulator.plans import plan

PLAN = plan(nodes=400, days=200)


@pytest.fixture(scope="module", name="written")
def _written() -> tuple[pl.DataFrame, pl.DataFrame]:
    events, nodes = zip(*histories(PLAN), strict=True)
    return pl.concat(events), pl.concat(nodes)


def test_events_lie_inside_their_nodes_observation(written: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    events, nodes = written
    joined = events.join(nodes, on=NODE, how="left").with_columns(pl.col("observed_until").fill_null(PLAN.end))
    assert joined.height == events.height > 100
    assert (joined["start"] >= joined["observed_from"]).all()
    assert (joined["start"] <= joined["observed_until"]).all()
    assert (joined["end"].drop_nulls() <= PLAN.end).all()


def test_nothing_is_written_down_before_it_happened_but_planned_work(
    written: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    events, _ = written
    failures = events.filter(pl.col("kind") == "failure")
    assert (failures["recorded_at"] >= failures["start"]).all()
    assert (failures["recorded_at"] <= PLAN.end).all()
    planned = events.filter(pl.col("kind") == "maintenance")
    assert (planned["recorded_at"] <= planned["start"]).mean() == 1
    over = events.drop_nulls("end")
    assert (over["end_recorded_at"] >= over["end"]).all()
    assert (over["end"] > over["start"]).all()
    assert (over["end_recorded_at"] >= over["recorded_at"]).all()


def test_an_end_is_known_exactly_where_it_was_written_down(written: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    events, _ = written
    assert (events["end"].is_null() == events["end_recorded_at"].is_null()).all()
    assert events["end"].null_count() < 0.1 * events.height


def test_everything_says_that_it_is_simulated(written: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    events, nodes = written
    assert events["source"].unique().to_list() == ["simulated"]
    assert nodes[NODE].str.starts_with("sim-").all()
    assert nodes["rack"].str.starts_with("sim-").all()
    assert nodes["hardware"].str.starts_with("sim-").all()


def test_a_failure_while_nobody_listened_is_found_out_afterwards() -> None:
    found = [plan(nodes=400, days=200, seed=seed) for seed in (1, 2)]
    hidden = 0
    for fleet in found:
        site = draw_site(fleet)
        events = pl.concat([rows for rows, _ in histories(fleet)]).filter(pl.col("kind") == "failure")
        for start, end, _ in records.blind(fleet, site).iter_rows():
            inside = events.filter(pl.col("start").is_between(start, end, closed="left"))
            assert (inside["recorded_at"] >= end).all()
            hidden += inside.height
    assert hidden > 0


def test_blind_periods_are_known_once_they_are_over() -> None:
    found = records.blind(PLAN, draw_site(PLAN))
    assert dict(found.schema) == BLIND_SCHEMA
    assert (found["end"] > found["start"]).all()
    assert found["recorded_at"].equals(found["end"])
    assert (found["end"] <= PLAN.end).all()
