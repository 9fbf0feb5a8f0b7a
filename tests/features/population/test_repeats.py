"""New failures and earlier ones that continue, by what was known when each was recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from data.time_grid import MICROSECOND
from features.grid import to_numpy, to_times
from features.population.event_arrays import EventArrays
from features.population.repeats import without_repeats
from tests.features.fleets import DAY, START, event, fleet
from tests.features.strategies import at

if TYPE_CHECKING:
    from collections.abc import Sequence

NODES = [{"node": name, "observed_from": at(-1_000)} for name in "ab"]


def new_failures(events: Sequence[dict[str, object]], repeat: timedelta = DAY) -> list[float]:
    """List the hours at which new failures of a and b start."""
    view = fleet(events, NODES).view(at(10_000))
    events_by_node = EventArrays.of(view.events(), ("a", "b"), to_times(view.nodes()["observed_from"]))
    failures = without_repeats(events_by_node, repeat)
    return sorted((start - to_numpy(START)).item().total_seconds() / 3_600 for start in failures.start)


@pytest.mark.parametrize(("gap", "expected"), [(24, [0.0]), (25, [0.0, 30.0])])
def test_a_failure_soon_after_another_one_continues_it(gap: int, expected: list[float]) -> None:
    assert new_failures([event("a", at(0), at(5)), event("a", at(5 + gap), at(99))]) == expected


@pytest.mark.parametrize("repeat", [timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6)])
def test_how_soon_is_given(repeat: timedelta) -> None:
    for gap, count in ((0 * repeat, 1), (repeat, 1), (repeat + MICROSECOND, 2)):
        assert len(new_failures([event("a", at(0), at(5)), event("a", at(5) + gap, at(99))], repeat)) == count


def test_a_failure_of_another_node_is_new() -> None:
    assert new_failures([event("a", at(0)), event("b", at(1))]) == [0, 1]


def test_a_failure_whose_end_was_not_known_yet_continues() -> None:
    first = event("a", at(0), at(5), end_recorded_at=at(60))
    assert new_failures([first, event("a", at(50), at(51))]) == [0]
    assert new_failures([first, event("a", at(50), at(51), recorded_at=at(60))]) == [0, 50]


def test_what_becomes_known_later_does_not_make_a_new_failure_a_repeat() -> None:
    later = event("a", at(0), at(49), recorded_at=at(70), end_recorded_at=at(70))
    assert new_failures([event("a", at(50), at(51)), later]) == [0, 50]


def test_a_failure_that_was_recorded_twice_is_new_once() -> None:
    assert new_failures([event("a", at(0), at(5)), event("a", at(0), at(6))]) == [0]
    assert new_failures([]) == []
