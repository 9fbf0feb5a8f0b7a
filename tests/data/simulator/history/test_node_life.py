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
    MAX_LEAD_HOURS,
    MIN_LEAD_HOURS,
    MODES,
    Symptom,
    draw_lead,
    draw_mode,
)
from data.simulator.history.plan import NODES_PER_RACK, YEAR_HOURS
from data.simulator.signals.symptoms import severity
from tests.data.simulator.plans import lives, plan

if TYPE_CHECKING:
    from data.simulator.history.layout import Node
    from data.simulator.history.node_life import NodeLife

FLEET = plan(nodes=600, days=365)


@pytest.fixture(scope="module", name="fleet")
def _fleet() -> list[tuple[Node, NodeLife]]:
    return list(lives(FLEET))


def test_downtimes_are_in_order_and_do_not_overlap(fleet: list[tuple[Node, NodeLife]]) -> None:
    downtimes = [down for _, life in fleet for down in life.downtimes]
    pairs = [pair for _, life in fleet for pair in pairwise(life.downtimes)]
    assert len(downtimes) > len(pairs) > 100
    assert all(down.start < down.end for down in downtimes)
    assert all(first.end < second.start for first, second in pairs)


def test_nodes_fail_as_often_as_in_the_records(fleet: list[tuple[Node, NodeLife]]) -> None:
    counts = np.array(
        [
            sum(
                down.kind == "failure" and down.cause != CAUSE_RACK and down.start < FLEET.hours
                for down in life.downtimes
            )
            for _, life in fleet
        ]
    )
    years = sum(min(node.until, FLEET.hours) - node.since for node, _ in fleet) / YEAR_HOURS
    # Failures of a node are clustered: the variance of a sum of clusters is the sum of their squares, not their sum.
    tolerance = 4 * math.sqrt(float((counts**2).sum())) / years + 0.03
    assert counts.sum() / years == pytest.approx(failure_rates.FAILURES_PER_NODE_YEAR, abs=tolerance)
    assert tolerance < 0.5 * failure_rates.FAILURES_PER_NODE_YEAR


def test_a_few_nodes_fail_again_and_again(fleet: list[tuple[Node, NodeLife]]) -> None:
    counts = np.sort([sum(down.kind == "failure" for down in life.downtimes) for _, life in fleet])[::-1]
    poisson = np.sort(np.random.default_rng(0).poisson(counts.mean(), len(counts)))[::-1]
    worst = len(counts) // 10
    assert counts[:worst].sum() > 1.4 * poisson[:worst].sum()


def test_over_half_of_all_failures_give_no_warning(fleet: list[tuple[Node, NodeLife]]) -> None:
    failures = [down for _, life in fleet for down in life.downtimes if down.kind == "failure"]
    warned = [precursor for _, life in fleet for precursor in life.precursors if precursor.ends_in_failure]
    assert 0.25 < len(warned) / len(failures) < 0.45


def test_a_precursor_of_a_failure_rises_until_the_failure_starts(
    fleet: list[tuple[Node, NodeLife]],
) -> None:
    checked = 0
    for _, life in fleet:
        starts = {down.start for down in life.downtimes if down.kind == "failure"}
        for precursor in life.precursors:
            if not precursor.ends_in_failure or precursor.end > FLEET.hours or precursor.end not in starts:
                continue
            assert 0 < precursor.end - precursor.start <= MAX_LEAD_HOURS
            if not precursor.is_intermittent:
                curve = severity(precursor, np.linspace(precursor.start, precursor.end, 20))
                assert (np.diff(curve) > 0).all()
                assert curve[-1] == pytest.approx(precursor.peak)
            checked += 1
    assert checked > 50


def test_a_precursor_without_a_failure_falls_to_zero_again(fleet: list[tuple[Node, NodeLife]]) -> None:
    false_alarms = [precursor for _, life in fleet for precursor in life.precursors if not precursor.ends_in_failure]
    assert len(false_alarms) > 50
    for precursor in false_alarms:
        curve = severity(precursor, np.linspace(precursor.start, precursor.end, 41))
        assert curve.max() <= precursor.peak <= 1.0
        assert curve[-1] == pytest.approx(0.0, abs=1e-9)


def test_several_nodes_fail_when_a_rack_loses_power(fleet: list[tuple[Node, NodeLife]]) -> None:
    affected = Counter(
        (node.rack, round(down.start))
        for node, life in fleet
        for down in life.downtimes
        if down.cause == CAUSE_RACK and down.start < FLEET.hours
    )
    assert max(affected.values()) >= 3
    assert max(affected.values()) <= NODES_PER_RACK


def test_a_node_fails_only_while_it_is_observed(fleet: list[tuple[Node, NodeLife]]) -> None:
    movers = [(node, life) for node, life in fleet if node.since > 0 or node.until < math.inf]
    assert len(movers) > 10
    failures = [(node, down) for node, life in movers for down in life.downtimes]
    assert failures
    assert all(node.since < down.start < node.until for node, down in failures)


def test_a_node_without_gpus_has_no_gpu_failures_and_precursors(fleet: list[tuple[Node, NodeLife]]) -> None:
    without = [life for node, life in fleet if not node.has_gpu]
    assert without
    assert not any(down.cause == GPU.cause for life in without for down in life.downtimes)
    assert not any(precursor.symptom is Symptom.GPU for life in without for precursor in life.precursors)
    assert any(down.cause == GPU.cause for _, life in fleet for down in life.downtimes)


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
    assert min(leads) >= MIN_LEAD_HOURS
    assert max(leads) <= MAX_LEAD_HOURS


def test_activity_is_one_on_average_and_lower_at_night_and_on_weekends() -> None:
    start = plan().start  # a Wednesday
    week = failure_rates.site_activity(start, np.arange(0, 7 * 24, 0.25))
    assert week.mean() == pytest.approx(1.0, abs=1e-9)
    assert week.max() == pytest.approx(failure_rates.PEAK_ACTIVITY)
    assert failure_rates.site_activity(start, 12.0) > failure_rates.site_activity(start, 0.0)
    assert failure_rates.site_activity(start, 12.0) > failure_rates.site_activity(start, 3 * 24 + 12.0)
