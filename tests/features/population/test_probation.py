"""Probation as it was known at the time: from when a failure's end is known until the repeat is over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from data.time_grid import MICROSECOND
from features.grid import to_numpy
from features.population.at_risk import Rows
from features.population.probation import on_probation
from tests.features.fleets import DAY, Fleet, event, fleet
from tests.features.strategies import at

if TYPE_CHECKING:
    from datetime import datetime

HOUR = timedelta(hours=1)
NODES = [{"node": name, "observed_from": at(-1_000)} for name in "ab"]


def is_resting(records: Fleet, name: str, times: list[datetime], repeat: timedelta = DAY) -> list[bool]:
    """Return at which ascending times a node is on probation."""
    node, cutoff = np.divmod(np.arange(2 * len(times)), len(times))
    rows = Rows(("a", "b"), np.array([to_numpy(time) for time in times]), node, cutoff)
    resting = on_probation(records.view(), rows, repeat).reshape(2, -1)
    return list(map(bool, resting["ab".index(name)]))


@pytest.mark.parametrize("repeat", [timedelta(minutes=5), HOUR, DAY])
def test_a_node_rests_from_the_end_of_its_failure_to_the_end_of_the_repeat(repeat: timedelta) -> None:
    records = fleet([event("a", at(0), at(5))], NODES)
    end = at(5) + repeat
    times = [at(4.9), at(5), end, end + MICROSECOND]
    assert is_resting(records, "a", times, repeat) == [False, True, True, False]
    assert is_resting(records, "b", times, repeat) == [False] * 4


def test_only_a_failure_whose_end_is_recorded_keeps_a_node_from_being_alarmed() -> None:
    late = fleet([event("a", at(0), at(5), recorded_at=at(7), end_recorded_at=at(9))], NODES)
    assert is_resting(late, "a", [at(6), at(8), at(9), at(29), at(30)]) == [False, False, True, True, False]
    unrecorded = fleet([event("a", at(0), at(5), recorded_at=at(20), end_recorded_at=at(9))], NODES)
    assert is_resting(unrecorded, "a", [at(10), at(20), at(29)]) == [False, True, True]
    too_late = fleet([event("a", at(0), at(5), end_recorded_at=at(40))], NODES)
    assert is_resting(too_late, "a", [at(6), at(29), at(41)]) == [False, False, False]


def test_a_failure_that_is_not_over_and_other_events_rest_no_node() -> None:
    events = [event("a", at(0)), event("a", at(0), at(1), kind="maintenance"), event("b", at(0), at(1), kind="action")]
    records = fleet(events, NODES)
    assert is_resting(records, "a", [at(2), at(20)]) == is_resting(records, "b", [at(2), at(20)]) == [False, False]


def test_each_failure_counts_and_one_without_duration_too() -> None:
    records = fleet([event("a", at(0), at(0)), event("a", at(3), at(4)), event("a", at(-9), at(-5))], NODES)
    times = [at(-6), at(-4), at(0), at(1), at(2), at(4), at(6), at(7)]
    assert is_resting(records, "a", times, HOUR) == [False, True, True, True, False, True, False, False]
    assert is_resting(records, "a", times, 2 * HOUR) == [False, True, True, True, True, True, True, False]


def test_a_failure_that_ends_before_it_starts_ends_at_its_start() -> None:
    backwards = fleet([event("a", at(5), at(1), recorded_at=at(5), end_recorded_at=at(5))], NODES)
    assert is_resting(backwards, "a", [at(2), at(5), at(6), at(7)], HOUR) == [False, True, True, False]


def test_an_announced_end_rests_a_node_only_from_then_on() -> None:
    announced = fleet([event("a", at(0), at(10), recorded_at=at(0), end_recorded_at=at(0))], NODES)
    assert is_resting(announced, "a", [at(5), at(10), at(11), at(12)], HOUR) == [False, True, True, False]


def test_without_events_or_rows_no_node_rests() -> None:
    assert is_resting(fleet(nodes=NODES), "a", [at(0), at(1)]) == [False, False]
    nothing = Rows(("a", "b"), np.array([to_numpy(at(0))]), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert on_probation(fleet([event("a", at(0), at(1))], NODES).view(), nothing, DAY).tolist() == []
