from __future__ import annotations

import polars as pl
import pytest

from data.schema import BLIND_SCHEMA, NODE
from data.simulator.history import records
from data.simulator.history.site_events import draw_site
from tests.data.simulator.plans import histories, plan

PLAN = plan(nodes=400, days=200)


@pytest.fixture(scope="module", name="recorded")
def _recorded() -> tuple[pl.DataFrame, pl.DataFrame]:
    events, nodes = zip(*histories(PLAN), strict=True)
    return pl.concat(events), pl.concat(nodes)


def test_events_are_within_the_observation_of_their_nodes(recorded: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    events, nodes = recorded
    joined = events.join(nodes, on=NODE, how="left").with_columns(pl.col("observed_until").fill_null(PLAN.end))
    assert joined.height == events.height > 100
    assert (joined["start"] >= joined["observed_from"]).all()
    assert (joined["start"] <= joined["observed_until"]).all()
    assert (joined["end"].drop_nulls() <= PLAN.end).all()


def test_only_planned_work_is_recorded_before_it_happens(
    recorded: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    events, _ = recorded
    failures = events.filter(pl.col("kind") == "failure")
    assert (failures["recorded_at"] >= failures["start"]).all()
    assert (failures["recorded_at"] <= PLAN.end).all()
    planned = events.filter(pl.col("kind") == "maintenance")
    assert (planned["recorded_at"] <= planned["start"]).mean() == 1
    ended = events.drop_nulls("end")
    assert (ended["end_recorded_at"] >= ended["end"]).all()
    assert (ended["end"] > ended["start"]).all()
    assert (ended["end_recorded_at"] >= ended["recorded_at"]).all()


def test_an_end_is_known_exactly_if_it_was_recorded(recorded: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    events, _ = recorded
    assert (events["end"].is_null() == events["end_recorded_at"].is_null()).all()
    assert events["end"].null_count() < 0.1 * events.height


def test_all_records_are_marked_as_simulated(recorded: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    events, nodes = recorded
    assert events["source"].unique().to_list() == ["simulated"]
    assert nodes[NODE].str.starts_with("sim-").all()
    assert nodes["rack"].str.starts_with("sim-").all()
    assert nodes["hardware"].str.starts_with("sim-").all()


def test_a_failure_in_a_blind_period_is_recorded_afterwards() -> None:
    hidden = 0
    for seed in (1, 2):
        fleet = plan(nodes=400, days=200, seed=seed)
        site = draw_site(fleet)
        events = pl.concat([rows for rows, _ in histories(fleet)]).filter(pl.col("kind") == "failure")
        for start, end, _ in records.blind(fleet, site).iter_rows():
            inside = events.filter(pl.col("start").is_between(start, end, closed="left"))
            assert (inside["recorded_at"] >= end).all()
            hidden += inside.height
    assert hidden > 0


def test_blind_periods_are_recorded_at_their_end() -> None:
    blind = records.blind(PLAN, draw_site(PLAN))
    assert blind.height > 0
    assert dict(blind.schema) == BLIND_SCHEMA
    assert (blind["end"] > blind["start"]).all()
    assert blind["recorded_at"].equals(blind["end"])
    assert (blind["end"] <= PLAN.end).all()
