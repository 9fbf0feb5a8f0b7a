from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.alarms import RowsByTime, TieBreaker, alarmed_rows, earliest_warnings, label_episodes
from models.evaluation.evaluation_set import EvaluationSet, Failures, ScoringTimes
from tests.models.made_up import START, Size, made_up_cases, made_up_scores
from tests.models.reference import judge

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY = np.timedelta64(86_400_000_000, "us")


def alarms(cases: EvaluationSet, probability: NDArray[np.float64], share: float) -> NDArray[np.intp]:
    return alarmed_rows(RowsByTime.of(cases, ScoringTimes.of(cases)), probability, [share])[share]


def one_node(
    offsets: list[int], label: list[float] | None = None, every: timedelta = timedelta(days=1)
) -> EvaluationSet:
    """Return cases of one node at some times, counted in days."""
    return EvaluationSet(
        names=("n",),
        node=np.zeros(len(offsets), dtype=np.int32),
        ts=START + np.array(offsets, dtype=np.int64) * DAY,
        label=np.array(label if label is not None else [0.0] * len(offsets)),
        can_alarm=np.ones(len(offsets), dtype=bool),
        times=START + np.arange(max(offsets, default=0) + 1) * DAY,
        failure_node=np.zeros(0, dtype=np.int32),
        failure_start=np.zeros(0, dtype="datetime64[us]"),
        horizon=timedelta(days=7),
        every=every,
        repeat=timedelta(days=1),
    )


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.005, 0.1, 0.25, 0.5, 1.0]), st.integers(0, 3))
def test_alarms_and_ties_are_those_of_the_reference(seed: int, share: float, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    cases = made_up_cases(rng, Size(nodes=9, steps=4, failures=3))
    later = np.timedelta64(seed, "s")
    cases = replace(cases, ts=cases.ts + later, times=cases.times + later)
    probability = rng.integers(0, distinct + 1, len(cases.node)) / 4
    step = np.searchsorted(cases.times, cases.ts)
    matrix, free = np.full((len(cases.times), len(cases.names)), np.nan), np.zeros((4, 9), dtype=bool)
    matrix[step, cases.node], free[step, cases.node] = probability, cases.can_alarm
    ((reference,), _) = judge.alarms(
        matrix, free, cases.names, cases.times.astype(np.int64), judge.DAY, judge.DAY, [share], []
    )
    assert alarms(cases, probability, share).tolist() == np.flatnonzero(reference[step, cases.node]).tolist()


def test_every_time_has_at_least_one_alarm_and_no_more_than_its_share() -> None:
    rng = np.random.default_rng(1)
    cases = made_up_cases(rng, Size(nodes=150, steps=9, failures=20))
    time, scores = ScoringTimes.of(cases).of_row, made_up_scores(rng, cases)
    assert not cases.can_alarm.all()
    assert len(scores) == 4
    for probability in scores.values():
        count = np.bincount(time[alarms(cases, probability, 0.01)], minlength=9)
        assert count.tolist() == np.ceil(0.01 * np.bincount(time[cases.can_alarm])).tolist()


def test_several_shares_at_once_give_what_each_gives_on_its_own() -> None:
    rng = np.random.default_rng(2)
    cases = made_up_cases(rng, Size())
    probability = made_up_scores(rng, cases)["rule"]
    rows_by_share = alarmed_rows(RowsByTime.of(cases, ScoringTimes.of(cases)), probability, [0.1, 0.3])
    assert {share: rows.tolist() for share, rows in rows_by_share.items()} == {
        share: alarms(cases, probability, share).tolist() for share in (0.1, 0.3)
    }


def test_a_row_that_cannot_be_alarmed_leaves_its_alarm_to_the_next() -> None:
    three = replace(one_node([0, 1, 2]), names=("a", "b", "c"), node=np.arange(3, dtype=np.int32))
    cases = replace(three, ts=np.full(3, START), can_alarm=np.array([True, False, True]))
    probability = np.array([0.2, 0.9, 0.3])
    assert alarms(cases, probability, 0.4).tolist() == [2]
    assert alarms(cases, probability, 0.6).tolist() == [0, 2]
    resting = replace(cases, can_alarm=np.zeros(3, dtype=bool))
    assert alarms(resting, probability, 1.0).tolist() == []


def test_a_tie_is_ranked_by_the_hash_of_name_and_time() -> None:
    cases = one_node([0])
    expected = hashlib.sha256(b"n|2021-07-01T00:00:00+00:00").hexdigest()
    digest = TieBreaker(cases, ScoringTimes.of(cases)).digests(np.array([0]))
    assert f"{int(digest[0]):016x}" == expected[:16]


def test_without_rows_there_is_no_alarm_and_no_episode() -> None:
    empty = one_node([])
    assert len(alarms(empty, np.zeros(0), 0.01)) == 0
    assert len(label_episodes(empty, np.zeros(0, dtype=np.intp)).first_row) == 0


@pytest.mark.parametrize(
    ("offsets", "every", "first_rows"),
    [
        ([0, 1, 2], 24, [0]),
        ([0, 2, 4], 24, [0]),
        ([0, 3, 5], 24, [0, 1]),
        ([0, 14, 28], 7 * 24, [0]),
        ([0, 15], 7 * 24, [0, 1]),
        ([0, 1, 3], 12, [0, 2]),
        ([0, 1, 2], 1, [0, 1, 2]),
    ],
)
def test_an_episode_ends_after_a_gap_of_over_two_steps(offsets: list[int], every: int, first_rows: list[int]) -> None:
    cases = one_node(offsets, every=timedelta(hours=every))
    assert label_episodes(cases, np.arange(len(offsets))).first_row.tolist() == first_rows


def test_an_episode_is_hit_if_one_alarm_is_and_unlabelled_only_if_all_are() -> None:
    nan = float("nan")
    cases = one_node([0, 1, 10, 11, 20], label=[nan, 1.0, nan, 0.0, nan])
    assert label_episodes(cases, np.arange(5)).label.tolist() == pytest.approx([1.0, 0.0, nan], nan_ok=True)


def test_another_nodes_alarm_starts_another_episode() -> None:
    cases = replace(one_node([0, 1]), names=("a", "b"), node=np.array([0, 1], dtype=np.int32))
    assert label_episodes(cases, np.arange(2)).first_row.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("start_days", "expected"),
    [(0.0, None), (0.5, 0), (7.0, 0), (7.1, 1), (8.0, 1), (8.1, None), (9.0, None), (16.0, 9), (16.1, None)],
)
def test_an_alarm_counts_from_start_less_horizon_up_to_but_not_at_the_start(
    start_days: float, expected: int | None
) -> None:
    cases = one_node([0, 1, 9])
    start = START + np.timedelta64(round(start_days * 86_400_000_000), "us")
    failures = Failures(np.array([0], dtype=np.int32), np.array([start]))
    warning = earliest_warnings(np.arange(3), failures, ScoringTimes.of(cases), cases.horizon_step)[0]
    assert np.isnat(warning) if expected is None else warning == START + expected * DAY


def test_a_failure_of_an_unknown_node_is_never_warned_of() -> None:
    cases = one_node([0, 1, 2])
    failures = Failures(np.array([-1], dtype=np.int32), np.array([START + 2 * DAY]))
    assert np.isnat(earliest_warnings(np.arange(3), failures, ScoringTimes.of(cases), cases.horizon_step)).all()
