"""Which nodes are next to each other, by name and rack."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.neighbours import adjacent_pairs, of_neighbours
from features.population.event_arrays import NEVER, EventArrays


def neighbours_of(*names: str, rack: str | None = "r") -> set[tuple[str, str]]:
    nodes = pl.DataFrame({"node": names, "rack": [rack] * len(names)}, schema={"node": pl.String, "rack": pl.String})
    return {(names[unit], names[neighbour]) for unit, neighbour in adjacent_pairs(nodes).rows()}


def both_ways(first: str, second: str) -> set[tuple[str, str]]:
    return {(first, second), (second, first)}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("r205n12", "r205n13"),
        ("r205n12", "r205n14"),
        ("node-099", "node-100"),
        ("9", "10"),
        ("gpu12.dc1.example.com", "gpu11.dc1.example.com"),
        ("n12-ib", "n13-ib"),
        ("été7", "été8"),
        ("n12345678901234567890", "n12345678901234567891"),
    ],
)
def test_nodes_whose_last_numbers_differ_by_one_or_two_are_neighbours(first: str, second: str) -> None:
    assert neighbours_of(first, second) == both_ways(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("r205n12", "r205n15"),
        ("r205n12", "r206n12"),
        ("a1", "b2"),
        ("n12-ib", "n13-eth"),
        ("n1", "n01"),
        ("login", "admin"),
    ],
)
def test_other_nodes_are_not_neighbours(first: str, second: str) -> None:
    assert neighbours_of(first, second) == set()


def test_nodes_of_two_racks_are_no_neighbours() -> None:
    nodes = pl.DataFrame({"node": ["n19", "n20", "n21"], "rack": ["r1", "r2", "r2"]})
    assert set(adjacent_pairs(nodes).rows()) == {(1, 2), (2, 1)}


def test_nodes_without_a_rack_can_be_neighbours() -> None:
    assert neighbours_of("n1", "n2", rack=None) == both_ways("n1", "n2")


def test_an_empty_inventory_has_no_neighbours() -> None:
    assert neighbours_of() == set()


@given(st.sets(st.integers(0, 30).map("n{}".format)), st.sets(st.integers(31, 60).map("n{}".format)))
def test_a_node_that_joins_changes_nothing_between_the_others(old: set[str], new: set[str]) -> None:
    pairs = neighbours_of(*sorted(old | new))
    assert {(first, second) for first, second in pairs if first in old and second in old} == neighbours_of(*sorted(old))
    assert {(second, first) for first, second in pairs} == pairs


def test_each_node_gets_the_events_of_its_neighbours() -> None:
    times = np.array(["2021-01-01", "2021-01-02"], dtype="datetime64[us]")
    events = EventArrays(np.array([1, 3]), times, times + 1, times + 2, np.array([NEVER, times[1]]))
    nodes = pl.DataFrame({"node": ["n1", "n2", "n3", "n9"], "rack": ["r"] * 4})
    copies = of_neighbours(events, adjacent_pairs(nodes))
    assert sorted(copies.unit.tolist()) == [0, 2]
    assert set(copies.start) == {times[0]}
    assert set(copies.known_at) == {times[0] + 2}
    assert np.isnat(copies.end_known_at).all()
