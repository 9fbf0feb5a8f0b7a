from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.policy.limits import FleetState, Headroom, Limits
from tests.serving.made_up import NO_LIMITS, fleet


@given(percent=st.integers(0, 100), size=st.integers(0, 200_000))
def test_a_share_of_a_fleet_is_exact(percent: int, size: int) -> None:
    at_least = 1 if percent and size else 0
    assert Limits(percent / 100, 0, 0).allowed_by_share(size) == max(at_least, Fraction(percent, 100) * size // 1)


def test_a_share_below_one_node_allows_one_and_no_share_allows_none() -> None:
    headroom = Headroom.of(fleet(50), Limits(0.01, 10, 10))
    assert headroom.exceeded_limit("r0") is None
    headroom.reserve("r0")
    assert (
        headroom.exceeded_limit("r1")
        == "1 out of service or to be drained, policy.limits.fleet_share 0.01 of 50 nodes allows 1"
    )
    assert Headroom.of(fleet(50), Limits(0.0, 10, 10)).exceeded_limit("r0") == (
        "0 out of service or to be drained, policy.limits.fleet_share 0 of 50 nodes allows 0"
    )


def test_one_node_that_is_down_uses_the_whole_share_of_a_small_fleet() -> None:
    assert Headroom.of(fleet(50, out={"n9"}), Limits(0.01, 10, 10)).exceeded_limit("r0") == (
        "1 out of service or to be drained, policy.limits.fleet_share 0.01 of 50 nodes allows 1"
    )


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(1.0, 2, 9), "2 out of service or to be drained, policy.limits.fleet_count allows 2"),
        (Limits(0.25, 9, 9), "2 out of service or to be drained, policy.limits.fleet_share 0.25 of 8 nodes allows 2"),
        (Limits(1.0, 9, 2), "2 of rack r0 out of service or to be drained, policy.limits.per_rack allows 2"),
    ],
)
def test_the_limit_that_is_reached_is_named_with_its_value(limits: Limits, why: str) -> None:
    headroom = Headroom.of(fleet(8, out={"n1", "n2"}), limits)
    assert headroom.exceeded_limit("r0") == why


def test_nodes_that_are_out_already_count_against_fleet_and_rack() -> None:
    headroom = Headroom.of(fleet(8, out={"n1", "n5"}), Limits(1.0, 3, 1))
    assert (
        headroom.exceeded_limit("r1") == "1 of rack r1 out of service or to be drained, policy.limits.per_rack allows 1"
    )
    assert headroom.exceeded_limit("r2") is None
    headroom.reserve("r2")
    assert headroom.exceeded_limit("r3") == "3 out of service or to be drained, policy.limits.fleet_count allows 3"


def test_nodes_without_a_known_rack_have_no_rack_limit() -> None:
    headroom = Headroom.of(FleetState(dict.fromkeys("abcd"), frozenset("ab")), Limits(1.0, 9, 1))
    assert headroom.exceeded_limit(None) is None
    headroom.reserve(None)
    assert (headroom.out, headroom.exceeded_limit(None)) == (3, None)


def test_a_node_that_is_out_counts_even_if_the_inventory_lacks_it() -> None:
    assert Headroom.of(fleet(2, out={"gone"}), Limits(1.0, 1, 9)).exceeded_limit("r0") is not None


def test_no_drain_is_allowed_in_an_empty_fleet() -> None:
    assert Headroom.of(fleet(0), NO_LIMITS).exceeded_limit(None) == (
        "0 out of service or to be drained, policy.limits.fleet_share 1 of 0 nodes allows 0"
    )
