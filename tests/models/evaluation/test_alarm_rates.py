"""Alarm episodes at a rate: against the reference's, and the bank by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.time_grid import DAY, HOUR
from features.grid import to_step
from models.evaluation.alarm_rates import episode_rows
from models.evaluation.alarms import RowsByTime
from models.evaluation.evaluation_set import EvaluationSet, ScoringTimes
from tests.models.made_up import START
from tests.models.reference import judge, ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def cases_of(
    at_risk: NDArray[np.bool_], free: NDArray[np.bool_], every: timedelta, horizon: timedelta
) -> EvaluationSet:
    """Build cases of nodes (rows) at scoring times (columns)."""
    node, step = np.nonzero(at_risk)
    times = START + to_step(every) * np.arange(at_risk.shape[1])
    return EvaluationSet(
        names=tuple(f"n{number:04d}" for number in range(len(at_risk))),
        node=node.astype(np.int32),
        ts=times[step],
        label=np.zeros(len(node)),
        can_alarm=free[at_risk],
        times=times,
        failure_node=np.zeros(0, dtype=np.int32),
        failure_start=np.zeros(0, dtype="datetime64[us]"),
        horizon=horizon,
        every=every,
        repeat=min(DAY, horizon),
    )


def begun(cases: EvaluationSet, probability: NDArray[np.float64], rate: float) -> list[tuple[int, int]]:
    """List the node and the step of each alarm episode, in the order of time."""
    rows = episode_rows(cases, RowsByTime.of(cases, ScoringTimes.of(cases)), probability, [rate])[rate]
    assert (np.diff(rows) > 0).all()
    steps = np.searchsorted(cases.times, cases.ts[rows])
    return sorted(zip(cases.node[rows].tolist(), steps.tolist(), strict=True), key=lambda pair: (pair[1], pair[0]))


def always(nodes: int, steps: int, every: timedelta = DAY, horizon: timedelta = 3 * DAY) -> EvaluationSet:
    """Return cases in which every node is at risk and can be alarmed at every time."""
    everywhere = np.ones((nodes, steps), dtype=bool)
    return cases_of(everywhere, everywhere, every, horizon)


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often the fleet is scored, and how many steps ahead."""

    every: timedelta
    steps_ahead: int


CADENCES = [
    Cadence(timedelta(minutes=5), 1),
    Cadence(timedelta(minutes=5), 12),
    Cadence(HOUR, 1),
    Cadence(HOUR, 6),
    Cadence(HOUR, 30),
    Cadence(DAY, 1),
    Cadence(DAY, 7),
    Cadence(7 * DAY, 2),
]
# Alarms of the whole fleet a step: none in the window, one now and then, several, more than there are nodes.
ALARMS_A_STEP = [0.001, 0.09, 1 / 3, 0.5, 1.0, 1.7, 4.0, 60.0]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Nodes that come and go, some of them not to be alarmed, and how many alarms the whole fleet gets a step."""

    seed: int
    cadence: Cadence
    nodes: int
    steps: int
    alarms_a_step: list[float]
    probabilities: int  # distinct ones: few tie

    @property
    def rates(self) -> list[float]:
        """Alarms per node and day."""
        return [alarms / self.nodes / (self.cadence.every / DAY) for alarms in self.alarms_a_step]

    def cases(self) -> tuple[EvaluationSet, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Return cases, a probability for each row, and which nodes are at risk and can be alarmed: nodes x steps."""
        rng, shape = np.random.default_rng(self.seed), (self.nodes, self.steps)
        at_risk = rng.random(shape) < rng.choice([0.3, 0.9, 1.0])
        at_risk[:, rng.random(self.steps) < 0.1] = False
        free = at_risk & (rng.random(shape) < 0.9)
        cases = cases_of(at_risk, free, self.cadence.every, self.cadence.steps_ahead * self.cadence.every)
        return cases, rng.integers(0, self.probabilities, len(cases.node)) / 1000, at_risk, free


DRAWN = st.builds(
    Drawn,
    seed=st.integers(0, 10_000),
    cadence=st.sampled_from(CADENCES),
    nodes=st.sampled_from([1, 2, 7, 40]),
    steps=st.integers(0, 25),
    alarms_a_step=st.lists(st.sampled_from(ALARMS_A_STEP), min_size=1, max_size=3, unique=True),
    probabilities=st.sampled_from([1, 2, 4, 1000]),
)


@settings(max_examples=150, deadline=None)
@given(DRAWN)
def test_episodes_are_those_of_the_reference(drawn: Drawn) -> None:
    cases, probability, at_risk, free = drawn.cases()
    matrix = np.full(at_risk.T.shape, np.nan)
    matrix.T[at_risk] = probability
    times, every, horizon = cases.times.astype(np.int64), ticks(cases.every), ticks(cases.horizon)
    _, expected = judge.alarms(matrix, free.T, cases.names, times, every, horizon, [], drawn.rates)
    rows = episode_rows(cases, RowsByTime.of(cases, ScoringTimes.of(cases)), probability, drawn.rates)
    assert list(rows) == drawn.rates
    for rate, of_rate in zip(drawn.rates, expected, strict=True):
        assert rows[rate].tolist() == np.flatnonzero(of_rate.T[at_risk]).tolist()


def test_the_riskiest_get_alarms_that_rest_their_nodes_until_the_horizon_is_over() -> None:
    cases = always(3, 5, horizon=3 * DAY)
    probability = np.repeat([0.1, 0.9, 0.5], 5)
    assert begun(cases, probability, 1 / 3) == [(1, 0), (2, 1), (0, 2), (1, 3), (2, 4)]


def test_a_bank_that_is_worth_less_than_an_alarm_waits() -> None:
    probability = np.repeat([0.1, 0.9, 0.5], 9)
    assert begun(always(3, 9), probability, 0.5 / 3) == [(1, 1), (2, 3), (1, 5), (2, 7)]


@pytest.mark.parametrize("every", [timedelta(minutes=5), HOUR, DAY])
def test_alarms_come_as_often_at_any_cadence(every: timedelta) -> None:
    steps = 8 * DAY // every
    cases = always(4, steps, every, every)
    probability = np.random.default_rng(1).random(len(cases.node))
    assert len(begun(cases, probability, 0.25)) == pytest.approx(8, abs=1)


def test_thirds_of_an_alarm_add_up_to_one() -> None:
    assert [step for _, step in begun(always(1, 10, horizon=DAY), np.zeros(10), 1 / 3)] == [2, 5, 8]
    assert [step for _, step in begun(always(10, 4, horizon=DAY), np.zeros(40), 0.1)] == [0, 1, 2, 3]


def test_at_most_a_days_alarms_are_carried_over() -> None:
    at_risk = np.ones((24, 12), dtype=bool)
    at_risk[8:, :10] = False  # sixteen nodes come when the first eight have been under alarm for six steps
    cases = cases_of(at_risk, at_risk, DAY, 30 * DAY)
    counts = np.bincount([step for _, step in begun(cases, np.zeros(len(cases.node)), 0.25)], minlength=12)
    assert counts.tolist() == [2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 2 + 2 + 6, 6]


def test_a_bank_of_less_than_one_alarm_a_day_keeps_one() -> None:
    free = np.ones((2, 40), dtype=bool)
    free[1] = False
    free[0, 2:30] = False
    cases = cases_of(np.ones((2, 40), dtype=bool), free, DAY, DAY)
    probability = np.zeros(len(cases.node))
    assert [step for _, step in begun(cases, probability, 0.5)] == [1, 31, 33, 35, 37, 39]
    busy = cases_of(free, free, HOUR, HOUR)
    assert [step for _, step in begun(busy, np.zeros(32), 12)][:2] == [1, 31]


def test_nodes_under_alarm_leave_theirs_to_others_and_none_is_alarmed_twice() -> None:
    cases = always(2, 6, horizon=6 * DAY)
    probability = np.repeat([0.9, 0.1], 6)
    assert begun(cases, probability, 0.5) == [(0, 0), (1, 1)]
    assert begun(cases, probability, 100.0) == [(0, 0), (1, 0)]


def test_an_alarm_holds_up_to_but_not_at_the_end_of_its_horizon() -> None:
    for steps_ahead in (1, 2, 5):
        cases = always(1, 10, HOUR, steps_ahead * HOUR)
        assert [step for _, step in begun(cases, np.zeros(10), 48.0)] == list(range(0, 10, steps_ahead))


def test_a_node_that_comes_back_is_still_under_its_alarm() -> None:
    at_risk = np.ones((1, 8), dtype=bool)
    at_risk[0, 1:4] = False
    cases = cases_of(at_risk, at_risk, DAY, 6 * DAY)
    assert [step for _, step in begun(cases, np.zeros(5), 5.0)] == [0, 6]


def test_a_node_that_cannot_be_alarmed_neither_gets_nor_earns_one() -> None:
    at_risk = np.ones((2, 4), dtype=bool)
    free = at_risk.copy()
    free[0] = False
    cases = cases_of(at_risk, free, DAY, DAY)
    assert begun(cases, np.repeat([0.9, 0.1], 4), 0.5) == [(1, 1), (1, 3)]


@pytest.mark.parametrize(("nodes", "steps"), [(0, 0), (0, 4), (3, 0)])
def test_without_nodes_or_times_there_is_no_episode(nodes: int, steps: int) -> None:
    assert begun(always(nodes, steps), np.zeros(nodes * steps), 0.5) == []


def test_times_at_which_no_node_is_at_risk_earn_nothing() -> None:
    at_risk = np.zeros((2, 6), dtype=bool)
    at_risk[:, [2, 5]] = True
    cases = cases_of(at_risk, at_risk, DAY, DAY)
    assert [step for _, step in begun(cases, np.zeros(4), 0.25)] == [5]


def test_several_rates_at_once_give_what_each_gives_on_its_own() -> None:
    rng = np.random.default_rng(3)
    cases, rates = always(12, 30), (0.05, 0.2, 0.2, 3.0)
    probability = rng.integers(0, 5, len(cases.node)) / 5
    together = episode_rows(cases, RowsByTime.of(cases, ScoringTimes.of(cases)), probability, rates)
    assert list(together) == [0.05, 0.2, 3.0]
    for rate, rows in together.items():
        assert rows.tolist() == alone(cases, probability, rate)


def alone(cases: EvaluationSet, probability: NDArray[np.float64], rate: float) -> Sequence[int]:
    rows = episode_rows(cases, RowsByTime.of(cases, ScoringTimes.of(cases)), probability, [rate])[rate]
    return [int(row) for row in rows]
