from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from data.simulator.history import failure_rates
from data.simulator.history.failure_modes import (
    CAUSE_RACK,
    GPU,
    LONGEST_LEAD,
    MODES,
    SHORTEST_LEAD,
    Symptom,
    draw_lead,
    draw_mode,
)
from data.simulator.history.plan import RACK_NODES, YEAR_HOURS
from data.simulator.signals.symptoms import severity
from tests.data.simulator.plans import lives, plan

if TYPE_CHECKING:
    from data.simulator.history.layout import Node
    from data.simulator.history.node_life import Life

FLEET = plan(nodes=600, days=365)


@pytest.fixture(scope="module", name="found")
def _found() -> list[tuple[Node, Life]]:
    return list(lives(FLEET))


def test_downs_are_in_order_and_apart(found: list[tuple[Node, Life]]) -> None:
    for _, life in found:
        assert all(down.start < down.end for down in life.downs)
        assert all(one.end < other.start for one, other in pairwise(life.downs))


def test_nodes_fail_as_often_as_the_records_say(found: list[tuple[Node, Life]]) -> None:
    counts = np.array(
        [
            sum(down.kind == "failure" and down.cause != CAUSE_RACK and down.start < FLEET.hours for down in life.downs)
            for _, life in found
        ]
    )
    years = sum(min(node.until, FLEET.hours) - node.since for node, _ in found) / YEAR_HOURS
    # Failures of a node come together: the variance of a sum of clusters is the sum of their squares, not their sum.
    tolerance = 4 * math.sqrt(float((counts**2).sum())) / years + 0.03
    assert counts.sum() / years == pytest.approx(failure_rates.FAILURES_PER_NODE_YEAR, abs=tolerance)
    assert tolerance < 0.5 * failure_rates.FAILURES_PER_NODE_YEAR


def test_a_few_nodes_fail_again_and_again(found: list[tuple[Node, Life]]) -> None:
    counts = np.sort([sum(down.kind == "failure" for down in life.downs) for _, life in found])[::-1]
    poisson = np.sort(np.random.default_rng(0).poisson(counts.mean(), len(counts)))[::-1]
    worst = len(counts) // 10
    assert counts[:worst].sum() > 1.4 * poisson[:worst].sum()


def test_over_half_of_all_failures_give_no_warning(found: list[tuple[Node, Life]]) -> None:
    failures = [down for _, life in found for down in life.downs if down.kind == "failure"]
    warned = [one for _, life in found for one in life.precursors if one.ends_in_failure]
    assert 0.25 < len(warned) / len(failures) < 0.45


def test_a_precursor_of_a_failure_ends_as_the_failure_starts_and_grows_until_then(
    found: list[tuple[Node, Life]],
) -> None:
    seen = 0
    for _, life in found:
        starts = {down.start for down in life.downs if down.kind == "failure"}
        for one in life.precursors:
            if not one.ends_in_failure or one.end > FLEET.hours or one.end not in starts:
                continue
            assert 0 < one.end - one.start <= LONGEST_LEAD
            if not one.is_fitful:
                course = severity(one, np.linspace(one.start, one.end, 20))
                assert (np.diff(course) > 0).all()
                assert course[-1] == pytest.approx(one.peak)
            seen += 1
    assert seen > 50


def test_a_precursor_that_ends_in_no_failure_goes_back_down(found: list[tuple[Node, Life]]) -> None:
    idle = [one for _, life in found for one in life.precursors if not one.ends_in_failure]
    assert len(idle) > 50
    for one in idle:
        course = severity(one, np.linspace(one.start, one.end, 41))
        assert course.max() <= one.peak <= 1.0
        assert course[-1] == pytest.approx(0.0, abs=1e-9)


def test_a_rack_that_loses_power_takes_several_nodes_at_once(found: list[tuple[Node, Life]]) -> None:
    hit = Counter(
        (node.rack, round(down.start))
        for node, life in found
        for down in life.downs
        if down.cause == CAUSE_RACK and down.start < FLEET.hours
    )
    assert max(hit.values()) >= 3
    assert max(hit.values()) <= RACK_NODES


def test_a_node_that_comes_late_or_leaves_fails_only_while_it_is_there(found: list[tuple[Node, Life]]) -> None:
    movers = [(node, life) for node, life in found if node.since > 0 or node.until < math.inf]
    assert len(movers) > 10
    assert all(node.since < down.start < node.until for node, life in movers for down in life.downs)


def test_a_node_without_gpus_never_fails_or_warns_by_them(found: list[tuple[Node, Life]]) -> None:
    plain = [life for node, life in found if not node.has_gpu]
    assert not any(down.cause == GPU.cause for life in plain for down in life.downs)
    assert not any(one.symptom is Symptom.GPU for life in plain for one in life.precursors)
    assert any(down.cause == GPU.cause for _, life in found for down in life.downs)


def test_modes_are_drawn_by_their_shares() -> None:
    rng, draws = np.random.default_rng(0), 4000
    counts = Counter(draw_mode(rng, has_gpu=True).cause for _ in range(draws))
    assert sum(mode.share for mode in MODES) == pytest.approx(1.0)
    for mode in MODES:
        tolerance = 4 * math.sqrt(mode.share * (1 - mode.share) / draws)
        assert counts[mode.cause] / draws == pytest.approx(mode.share, abs=tolerance)


def test_leads_stay_within_their_bounds() -> None:
    rng = np.random.default_rng(0)
    leads = [draw_lead(mode, rng) for mode in MODES for _ in range(100)]
    assert min(leads) >= SHORTEST_LEAD
    assert max(leads) <= LONGEST_LEAD


def test_the_cycle_is_one_on_average_and_calmer_at_night_and_on_weekends() -> None:
    start = plan().start  # a Wednesday
    week = failure_rates.cycle(start, np.arange(0, 7 * 24, 0.25))
    assert week.mean() == pytest.approx(1.0, abs=1e-9)
    assert week.max() == pytest.approx(failure_rates.PEAK)
    assert failure_rates.cycle(start, 12.0) > failure_rates.cycle(start, 0.0)
    assert failure_rates.cycle(start, 12.0) > failure_rates.cycle(start, 3 * 24 + 12.0)
