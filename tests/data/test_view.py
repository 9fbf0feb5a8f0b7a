"""A view shows what was known at its time, and raises for anything later."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from data.errors import FutureError
from data.schema import BUCKET_END, LATENESS, TELEMETRY_KEYS, Metric, bucket_column
from data.view import HINDSIGHT, View, hindsight
from tests.features.fleets import DAY, START, event, fleet

HOUR = timedelta(hours=1)
MEAN = [bucket_column("x", "mean")]


def known_events(view: View) -> list[tuple[object, ...]]:
    return view.events().select("node", "end", "end_recorded_at").rows()


def test_an_event_is_known_from_when_it_was_recorded_and_began() -> None:
    late = event("a", START, START + HOUR, recorded_at=START + 5 * HOUR, end_recorded_at=START + 5 * HOUR)
    planned = event("b", START + 9 * HOUR, recorded_at=START)
    view = fleet([late, planned]).view(START + 10 * HOUR)
    assert [len(known_events(view.narrow(START + hours * HOUR))) for hours in (4, 5, 8, 9)] == [0, 1, 1, 2]


def test_an_end_is_known_from_when_it_was_recorded() -> None:
    view = fleet([event("a", START, START + HOUR, end_recorded_at=START + 3 * HOUR)]).view(START + 9 * HOUR)
    assert known_events(view.narrow(START + 2 * HOUR)) == [("a", None, None)]
    assert known_events(view.narrow(START + 3 * HOUR)) == [("a", START + HOUR, START + 3 * HOUR)]


def test_an_end_that_was_never_recorded_stays_unknown_events() -> None:
    assert known_events(fleet([event("a", START, START + HOUR, end_recorded_at=None)]).view()) == [("a", None, None)]


def test_a_node_is_known_from_its_first_observation_and_its_departure_not_before_it_happens() -> None:
    inventory = [
        {"node": "b", "observed_from": START, "observed_until": START + 5 * HOUR},
        {"node": "a", "observed_from": START + 2 * HOUR},
    ]
    view = fleet(nodes=inventory).view(START + 9 * HOUR)
    inventories = [view.narrow(START + hours * HOUR).nodes() for hours in (-1, 1, 4, 5)]
    assert [nodes["node"].to_list() for nodes in inventories] == [[], ["b"], ["a", "b"], ["a", "b"]]
    assert [nodes["observed_until"].drop_nulls().len() for nodes in inventories] == [0, 0, 0, 1]


def test_a_blind_period_is_known_from_when_it_was_recorded() -> None:
    view = fleet(blind=[{"start": START, "end": START + HOUR, "recorded_at": START + 2 * HOUR}]).view(START + DAY)
    assert [view.narrow(START + hours * HOUR).blind().height for hours in (1, 2)] == [0, 1]


def samples(hours_late: int) -> pl.DataFrame:
    rows = [("a", START + day * DAY, START + day * DAY + hours_late * HOUR, 1.0) for day in range(5)]
    return pl.DataFrame(rows, schema={**TELEMETRY_KEYS, "x": pl.Float64()}, orient="row")


def test_a_bucket_is_known_when_it_is_complete_and_its_samples_have_arrived() -> None:
    on_time, late = (fleet(telemetry=samples(hours), metrics=(Metric("x"),)).view() for hours in (0, 30))
    assert [on_time.narrow(START + day * DAY).buckets(MEAN).height for day in range(3)] == [1, 2, 3]
    assert [late.narrow(START + day * DAY).buckets(MEAN).height for day in range(4)] == [0, 0, 1, 2]
    assert on_time.narrow(START + DAY - HOUR).buckets(MEAN).height == 1


def test_buckets_can_be_read_from_a_start_time() -> None:
    view = fleet(telemetry=samples(0), metrics=(Metric("x"),)).view()
    assert view.buckets(MEAN, start=START + 3 * DAY)[BUCKET_END].to_list() == [START + 3 * DAY, START + 4 * DAY]
    assert view.buckets(MEAN, start=START)[LATENESS].to_list() == [0] * 5


def test_without_telemetry_there_are_no_buckets() -> None:
    buckets = View(START, DAY, fleet().view()._records).buckets(MEAN)
    assert (buckets.height, buckets.columns) == (0, ["node", BUCKET_END, LATENESS, *MEAN])


def test_a_view_is_narrowed_but_never_widened() -> None:
    view = fleet().view(START)
    assert view.narrow(START - HOUR).at == START - HOUR
    with pytest.raises(FutureError, match="2021-01-01T00:00:01"):
        view.narrow(START + timedelta(seconds=1))
    with pytest.raises(FutureError):
        view.narrow(START - DAY).narrow(START)


def test_hindsight_shows_everything() -> None:
    view = hindsight(fleet([event("a", START + 3_000 * DAY)]).view()._records, DAY)
    assert view.at == HINDSIGHT
    assert view.events().height == 1
