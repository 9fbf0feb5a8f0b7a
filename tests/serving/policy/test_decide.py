from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from itertools import chain, combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serving.policy.costs import Costs
from serving.policy.decide import decide
from serving.policy.limits import FleetState, Limits
from serving.policy.values import Decision, NodeScore, Support, Verdict
from tests.serving.made_up import COSTS, HOUR, NOW, POLICY, fleet, limited, scored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random


def verdicts(decisions: Sequence[Decision]) -> dict[str, Verdict]:
    return {decision.node: decision.verdict for decision in decisions}


def drained(decisions: Sequence[Decision]) -> list[str]:
    return [decision.node for decision in decisions if decision.verdict is Verdict.DRAIN]


def test_the_expected_saving_is_in_node_hours_by_hand() -> None:
    (decision,) = decide([scored("n1", 0.5)], fleet(1), POLICY, NOW)
    assert decision.expected_saving == pytest.approx(0.5 * 0.8 * 60 - 2 - 0.5 * 8)
    assert decision == Decision("n1", Verdict.DRAIN, 0.5, 18.0, "P(failure) 50.0%, expected saving 18.0 node-hours")


def test_a_node_is_drained_only_where_that_pays() -> None:
    threshold = (2 + 8) / (0.8 * 60 + 8)
    decisions = decide([scored("n1", threshold + 1e-6), scored("n2", threshold - 1e-6)], fleet(2), POLICY, NOW)
    assert verdicts(decisions) == {"n1": Verdict.DRAIN, "n2": Verdict.LEAVE}
    assert decisions[1].reason == "P(failure) 17.9%: a drain pays from 17.9%"
    assert decisions[1].expected_saving == pytest.approx(0, abs=1e-3)


def test_a_drain_that_averts_nothing_never_pays() -> None:
    policy = replace(POLICY, costs=replace(COSTS, averted_share=0))
    (decision,) = decide([scored("n1", 1.0)], fleet(1), policy, NOW)
    assert (decision.verdict, decision.reason) == (Verdict.LEAVE, "P(failure) 100.0%: a drain never pays")


def test_a_drain_that_costs_nothing_and_averts_nothing_does_not_pay() -> None:
    (decision,) = decide([scored("n1", 1.0)], fleet(1), replace(POLICY, costs=Costs(0, 0, 0, 0)), NOW)
    assert (decision.verdict, decision.expected_saving) == (Verdict.LEAVE, 0)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"support": Support.LOW}, "low support: the score is based on too little data"),
        ({"support": Support.UNKNOWN}, "the node is not reporting: its state is unknown"),
        ({"scored_at": NOW - 37 * HOUR}, "the score is 37 h old, policy.stale_after is 36 h"),
        ({"data_age": 36.5 * HOUR}, "its telemetry is 36.5 h old, policy.stale_after is 36 h"),
        (
            {"data_age": 20 * HOUR, "scored_at": NOW - 20 * HOUR},
            "its telemetry is 40 h old, policy.stale_after is 36 h",
        ),
        ({"data_age": timedelta.max}, "its telemetry is 2.4e+10 h old, policy.stale_after is 36 h"),
        ({"data_age": -2 * HOUR}, "its telemetry is 2 h newer than its score: a clock is wrong"),
        (
            {"data_age": -100 * HOUR, "scored_at": NOW - 20 * HOUR},
            "its telemetry is 100 h newer than its score: a clock is wrong",
        ),
        ({"scored_at": NOW + HOUR}, "scored at 2024-06-01 01:00 UTC, which is in the future"),
    ],
)
def test_a_doubtful_score_is_never_acted_on_and_the_decision_has_a_reason(changed: dict[str, object], why: str) -> None:
    (decision,) = decide([scored("n1", 0.9, **changed)], fleet(1), POLICY, NOW)
    assert (decision.verdict, decision.limit) == (Verdict.HOLD_BACK, why)
    assert decision.reason.startswith("P(failure) 90.0%, expected saving")


@pytest.mark.parametrize(("age", "verdict"), [(36 * HOUR, Verdict.DRAIN), (36.001 * HOUR, Verdict.HOLD_BACK)])
def test_a_score_may_be_exactly_as_old_as_the_policy_allows(age: timedelta, verdict: Verdict) -> None:
    (decision,) = decide([scored("n1", 0.9, scored_at=NOW - age)], fleet(1), POLICY, NOW)
    assert decision.verdict is verdict


def test_a_fleet_without_telemetry_has_no_age_of_data() -> None:
    (decision,) = decide([scored("n1", 0.9, data_age=None)], fleet(1), POLICY, NOW)
    assert decision.verdict is Verdict.DRAIN


def test_an_unknown_node_is_left_and_the_decision_has_a_reason() -> None:
    (decision,) = decide([scored("n1", None, support=Support.UNKNOWN)], fleet(1), POLICY, NOW)
    assert decision == Decision("n1", Verdict.LEAVE, None, None, "the node is not reporting: its state is unknown")


@pytest.mark.parametrize("probability", [math.nan, math.inf, -math.inf, -0.1, 1.1])
def test_an_invalid_probability_is_never_acted_on(probability: float) -> None:
    (decision,) = decide([scored("n1", probability)], fleet(1), POLICY, NOW)
    assert decision == Decision("n1", Verdict.LEAVE, None, None, "its score is not a probability from 0 to 1")


def test_a_node_that_is_down_or_under_repair_is_not_touched() -> None:
    (decision,) = decide([scored("n1", 1.0)], fleet(2, out={"n1"}), POLICY, NOW)
    assert decision == Decision("n1", Verdict.LEAVE, 1.0, None, "already out of service")


def test_a_node_that_left_after_it_was_scored_is_not_touched() -> None:
    (decision,) = decide([scored("gone", 1.0)], fleet(1), POLICY, NOW)
    assert (decision.verdict, decision.reason) == (Verdict.LEAVE, "no longer in the fleet")


def test_the_riskiest_nodes_are_drained_as_far_as_a_limit_allows() -> None:
    scores = [scored("n1", 0.5), scored("n2", 0.9), scored("n3", 0.7)]
    decisions = decide(scores, fleet(3), limited(fleet_count=2), NOW)
    assert drained(decisions) == ["n2", "n3"]
    assert decisions[2].limit == "2 out of service or to be drained, policy.limits.fleet_count allows 2"


def test_a_rack_at_its_limit_does_not_prevent_drains_in_other_racks() -> None:
    scores = [scored(f"n{number}", 1.0 - number / 100) for number in range(1, 6)]
    decisions = decide(scores, fleet(5), limited(per_rack=1), NOW)
    assert drained(decisions) == ["n1", "n5"]


def test_a_node_that_was_held_back_for_doubt_does_not_count_against_the_limits() -> None:
    scores = [scored("n1", 0.99, data_age=100 * HOUR), scored("n2", 0.5)]
    assert drained(decide(scores, fleet(2), limited(fleet_count=1), NOW)) == ["n2"]


def test_equal_scores_are_ranked_by_name() -> None:
    decisions = decide([scored(name, 0.9) for name in ("n3", "n1", "n2")], fleet(3), limited(fleet_count=1), NOW)
    assert [decision.node for decision in decisions] == ["n1", "n2", "n3"]
    assert drained(decisions) == ["n1"]


def test_if_a_node_was_scored_twice_the_newest_score_counts() -> None:
    scores = [scored("n1", 0.01), scored("n1", 0.99, scored_at=NOW - HOUR)]
    (decision,) = decide(scores, fleet(1), POLICY, NOW)
    assert (decision.verdict, decision.probability) == (Verdict.LEAVE, 0.01)


@pytest.mark.parametrize("doubt", [{"support": Support.LOW}, {"data_age": -HOUR}, {"data_age": 100 * HOUR}])
def test_if_two_scores_have_one_time_the_doubtful_one_counts(doubt: dict[str, object]) -> None:
    scores = [scored("n1", 0.99), scored("n1", 0.98, **doubt)]
    (decision,) = decide(scores, fleet(1), POLICY, NOW)
    assert decision.verdict is Verdict.HOLD_BACK


def test_an_empty_fleet_needs_no_decision() -> None:
    assert decide([], fleet(0), POLICY, NOW) == ()


def test_the_reasons_of_a_score_are_part_of_the_decision() -> None:
    (decision,) = decide([scored("n1", 0.9, reasons="load 90 (fleet 3)")], fleet(1), POLICY, NOW)
    assert decision.reason == "P(failure) 90.0%, expected saving 40.4 node-hours; load 90 (fleet 3)"


NODES = [f"n{number}" for number in range(8)]
RACKS = ["r0", "r1", "r2", None]
PROBABILITIES = st.one_of(st.none(), st.floats(0, 1), st.just(1.0), st.sampled_from([math.nan, math.inf, -1.0]))
AGES = st.sampled_from([timedelta(0), HOUR, 30 * HOUR, 40 * HOUR])
DATA_AGES = st.none() | AGES | st.sampled_from([-HOUR, 1e6 * HOUR, timedelta.max, timedelta.min])
SCORES = st.lists(
    st.builds(
        NodeScore,
        node=st.sampled_from([*NODES, "elsewhere"]),
        probability=PROBABILITIES,
        scored_at=AGES.map(lambda age: NOW - age),
        data_age=DATA_AGES,
        support=st.sampled_from(Support),
        reasons=st.sampled_from(["", "hot"]),
    ),
    max_size=20,
)
FLEETS = st.builds(
    FleetState,
    st.dictionaries(st.sampled_from(NODES), st.sampled_from(RACKS)),
    st.frozensets(st.sampled_from([*NODES, "elsewhere"]), max_size=4),
)
LIMITS = st.builds(Limits, st.floats(0, 1), st.integers(0, 10), st.integers(0, 4))


@given(SCORES, FLEETS, LIMITS)
def test_limits_are_never_exceeded_whatever_the_scores(
    scores: list[NodeScore], state: FleetState, limits: Limits
) -> None:
    new = set(drained(decide(scores, state, replace(POLICY, limits=limits), NOW)))
    assert new <= state.rack_by_node.keys() - state.out_of_service
    if new:
        out = new | state.out_of_service
        by_share = max(1, limits.fleet_share * len(state.rack_by_node) + 1e-6)
        assert limits.fleet_share > 0
        assert len(out) <= min(limits.fleet_count, by_share)
    for rack in {state.rack_by_node[node] for node in new} - {None}:
        assert sum(state.rack_by_node.get(node) == rack for node in new | state.out_of_service) <= limits.per_rack


@given(SCORES, FLEETS, LIMITS)
@example([scored("n0", 0.9)], FleetState({"n0": "r0"}, frozenset()), Limits(1.0, 9, 9))
def test_every_drain_pays_and_is_based_on_a_fresh_trusted_score(
    scores: list[NodeScore], state: FleetState, limits: Limits
) -> None:
    decisions = decide(scores, state, replace(POLICY, limits=limits), NOW)
    assert bool(decisions) == bool(scores)
    for drain in (decision for decision in decisions if decision.verdict is Verdict.DRAIN):
        of_node = [score for score in scores if score.node == drain.node]
        newest = max(score.scored_at for score in of_node)
        newest_scores = [score for score in of_node if score.scored_at == newest]
        oldest_data = POLICY.stale_after - (NOW - newest)
        assert len(newest_scores) > 0
        assert drain.probability is not None
        assert COSTS.saving(drain.probability) > 0
        assert {score.support for score in newest_scores} == {Support.OK}
        assert all(0 * HOUR <= (score.data_age or 0 * HOUR) <= oldest_data for score in newest_scores)


@given(SCORES, FLEETS, LIMITS)
def test_every_scored_node_gets_one_decision(scores: list[NodeScore], state: FleetState, limits: Limits) -> None:
    decisions = decide(scores, state, replace(POLICY, limits=limits), NOW)
    assert sorted(decision.node for decision in decisions) == sorted({score.node for score in scores})
    assert all(decision.reason for decision in decisions)
    assert all((decision.limit is not None) == (decision.verdict is Verdict.HOLD_BACK) for decision in decisions)


@given(SCORES, FLEETS, LIMITS, st.randoms(use_true_random=False))
def test_the_order_of_scores_does_not_matter(
    scores: list[NodeScore], state: FleetState, limits: Limits, random: Random
) -> None:
    policy = replace(POLICY, limits=limits)
    shuffled = random.sample(scores, len(scores))
    assert decide(shuffled, state, policy, NOW) == decide(scores, state, policy, NOW)


def saved(decisions: Sequence[Decision]) -> float:
    return sum(decision.expected_saving or 0 for decision in decisions if decision.verdict is Verdict.DRAIN)


@given(SCORES, FLEETS, LIMITS, LIMITS)
def test_wider_limits_never_drain_fewer_nodes_nor_save_less(
    scores: list[NodeScore], state: FleetState, limits: Limits, more: Limits
) -> None:
    wider = Limits(
        max(limits.fleet_share, more.fleet_share),
        max(limits.fleet_count, more.fleet_count),
        max(limits.per_rack, more.per_rack),
    )
    before = decide(scores, state, replace(POLICY, limits=limits), NOW)
    after = decide(scores, state, replace(POLICY, limits=wider), NOW)
    assert len(drained(after)) >= len(drained(before))
    assert saved(after) >= saved(before) - 1e-9


@given(SCORES, FLEETS, LIMITS, st.integers(0, 5))
def test_a_higher_count_only_adds_drains(scores: list[NodeScore], state: FleetState, limits: Limits, more: int) -> None:
    wider = replace(limits, fleet_count=limits.fleet_count + more)
    before, after = (decide(scores, state, replace(POLICY, limits=each), NOW) for each in (limits, wider))
    assert set(drained(before)) <= set(drained(after))


@given(SCORES, FLEETS, LIMITS)
@example([scored("n0", 0.9), scored("n1", 0.8)], FleetState({"n0": "r0", "n1": None}, frozenset()), Limits(0.5, 9, 0))
def test_no_choice_within_the_limits_saves_more(scores: list[NodeScore], state: FleetState, limits: Limits) -> None:
    present_only = replace(state, out_of_service=state.out_of_service & state.rack_by_node.keys())
    savings = {
        decision.node: decision.expected_saving
        for decision in decide(scores, present_only, POLICY, NOW)
        if decision.verdict is Verdict.DRAIN and decision.expected_saving is not None
    }
    best = max(
        sum(savings[node] for node in nodes)
        for nodes in chain.from_iterable(combinations(savings, size) for size in range(len(savings) + 1))
        if _fits(nodes, state, limits)
    )
    assert saved(decide(scores, state, replace(POLICY, limits=limits), NOW)) == pytest.approx(best)


def _fits(nodes: Sequence[str], state: FleetState, limits: Limits) -> bool:
    if not nodes:
        return True
    out, share = {*nodes, *state.out_of_service}, limits.allowed_by_share(len(state.rack_by_node))
    racks = {state.rack_by_node[node] for node in nodes} - {None}
    return len(out) <= min(limits.fleet_count, share) and all(
        sum(state.rack_by_node.get(node) == rack for node in out) <= limits.per_rack for rack in racks
    )
