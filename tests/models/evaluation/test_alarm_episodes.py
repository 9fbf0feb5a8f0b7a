from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from models.evaluation.alarm_budgets import AlarmOutcome
from models.evaluation.alarm_episodes import NEVER_AT_RISK, AlarmHistory, alarm_history
from models.evaluation.alarm_rates import episode_rows
from models.evaluation.alarms import alarmed_rows
from models.evaluation.context import EvaluationContext
from models.evaluation.evaluation_set import EvaluationSet
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import START, Size, made_up_cases, made_up_scores

DAY = np.timedelta64(86_400_000_000, "us")


def history_of(cases: EvaluationSet, probability: np.ndarray, share: float) -> AlarmHistory:
    resampler = draw_resampler(cases.names, START, START + 100 * DAY, np.random.default_rng(1))
    context = EvaluationContext.of(cases, resampler)
    alarmed = alarmed_rows(context.rows_by_time, probability, [share])[share]
    return alarm_history(context, probability, AlarmOutcome.of(context, probability, alarmed))


def small() -> tuple[EvaluationSet, np.ndarray]:
    """Two nodes over six days, day 3 missing for the first; it fails on day 5, an unknown node on day 2."""
    days = np.array([0, 1, 2, 4, 5, 0, 1, 2, 3, 4, 5])
    cases = EvaluationSet(
        ("a", "b"),
        np.array([0] * 5 + [1] * 6, dtype=np.int32),
        START + days * DAY,
        np.array([0, 0, 0, 1, np.nan, 0, 0, 0, 0, 0, 0], dtype=np.float64),
        np.ones(11, dtype=bool),
        START + np.arange(6) * DAY,
        np.array([-1, 0], dtype=np.int32),
        START + np.array([2.5, 4.5]) * 24 * np.timedelta64(3_600_000_000, "us"),
        timedelta(days=1),
        timedelta(days=1),
        timedelta(days=1),
    )
    return cases, np.array([0.5, 0.6, 0.1, 0.4, 0.1, 0.2, 0.2, 0.7, 0.1, 0.1, 0.3])


def test_a_history_by_hand() -> None:
    cases, probability = small()
    history = history_of(cases, probability, 0.5)  # one alarm a day
    episodes = history.episodes
    assert [history.names[node] for node in episodes.node] == ["a", "a", "b"]
    assert ((episodes.first - START) / DAY).tolist() == [0, 4, 2]
    assert ((episodes.last - START) / DAY).tolist() == [1, 4, 5]  # a gap of two steps does not split b's
    assert episodes.alarms.tolist() == [2, 1, 3]
    assert probability[episodes.peak_row].tolist() == [0.6, 0.4, 0.7]
    assert episodes.label.tolist() == [0, 1, 0]
    assert history.failures.lead_hours.tolist() == pytest.approx([np.nan, 12.0], nan_ok=True)
    assert history.failures.peak_row.tolist() == [NEVER_AT_RISK, 3]
    assert history.rank[[0, 5, 7, 2, 8]].tolist() == [1, 2, 1, 2, 1]
    assert history.at_risk[[0, 8]].tolist() == [2, 1]


def test_caught_failures_have_an_episode_that_begins_before_them() -> None:
    rng = np.random.default_rng(7)
    cases = made_up_cases(rng, Size(nodes=20, failures=60))
    history = history_of(cases, made_up_scores(rng, cases)["model"], 0.2)
    episodes, failures = history.episodes, history.failures
    caught = np.flatnonzero(np.isfinite(failures.lead_hours))
    assert len(caught) > 10
    for failure in caught:
        assert ((episodes.node == failures.node[failure]) & (episodes.first < failures.start[failure])).any()
        assert failures.peak_row[failure] != NEVER_AT_RISK
    assert episodes.alarms.sum() >= len(episodes.node)
    assert (episodes.last >= episodes.first).all()


def test_no_alarm_and_no_failure_make_an_empty_history() -> None:
    cases, _ = small()
    nothing = np.zeros(0, dtype=np.int32)
    nobody = replace(cases, node=nothing, ts=cases.ts[:0], label=np.zeros(0), can_alarm=np.zeros(0, dtype=bool))
    empty = replace(nobody, failure_node=nothing, failure_start=cases.ts[:0])
    for each in (empty, replace(empty, times=cases.times[:0])):
        history = history_of(each, np.zeros(0), 0.5)
        assert (len(history.episodes.node), len(history.failures.node), len(history.rank)) == (0, 0, 0)


def test_a_history_of_alarm_episodes_has_each_on_its_own() -> None:
    cases, probability = small()
    resampler = draw_resampler(cases.names, START, START + 100 * DAY, np.random.default_rng(1))
    context = EvaluationContext.of(cases, resampler)
    begun = episode_rows(cases, context.rows_by_time, probability, [0.5])[0.5]
    history = alarm_history(context, probability, AlarmOutcome.of_episodes(context, probability, begun))
    episodes = history.episodes
    assert ((episodes.first - START) / DAY).tolist() == ((episodes.last - START) / DAY).tolist()
    assert [history.names[node] for node in episodes.node] == ["a", "a", "a", "b", "b"]
    assert ((episodes.first - START) / DAY).tolist() == [0, 1, 4, 2, 5]
    assert episodes.alarms.tolist() == [1] * 5
    assert episodes.peak_row.tolist() == begun.tolist()
    assert history.failures.lead_hours.tolist() == pytest.approx([np.nan, 12.0], nan_ok=True)
