from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.alarm_budgets import outcome
from models.evaluation.alarm_episodes import NEVER_AT_RISK, AlarmHistory, tell
from models.evaluation.alarms import alarmed_rows
from models.evaluation.context import set_up
from models.evaluation.evaluation_set import EvaluationSet
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import START, Size, made_up_cases, made_up_scores

DAY = np.timedelta64(86_400_000_000, "us")


def told(cases: EvaluationSet, probability: np.ndarray, share: float) -> AlarmHistory:
    bench = set_up(cases, draw_resampler(cases.names, START, START + 100 * DAY, np.random.default_rng(1)))
    return tell(
        bench, probability, outcome(bench, probability, alarmed_rows(bench.roster, probability, [share])[share])
    )


def small() -> tuple[EvaluationSet, np.ndarray]:
    """Two nodes over six days, days 3 missing for the first; it fails on day 5, a third node on day 2."""
    days = np.array([0, 1, 2, 4, 5, 0, 1, 2, 3, 4, 5])
    cases = EvaluationSet(
        ("a", "b"),
        np.array([0] * 5 + [1] * 6, dtype=np.int32),
        START + days * DAY,
        np.array([0, 0, 0, 1, np.nan, 0, 0, 0, 0, 0, 0], dtype=np.float64),
        np.array([-1, 0], dtype=np.int32),
        START + np.array([2.5, 4.5]) * 24 * np.timedelta64(3_600_000_000, "us"),
        1,
        1,
    )
    return cases, np.array([0.5, 0.6, 0.1, 0.4, 0.1, 0.2, 0.2, 0.7, 0.1, 0.1, 0.3])


def test_a_story_by_hand() -> None:
    cases, probability = small()
    story = told(cases, probability, 0.5)  # one alarm a day
    spans = story.spans
    assert [story.names[node] for node in spans.node] == ["a", "a", "b"]
    assert ((spans.first - START) / DAY).tolist() == [0, 4, 2]
    assert ((spans.last - START) / DAY).tolist() == [1, 4, 5]  # a gap of two steps does not part b's
    assert spans.alarms.tolist() == [2, 1, 3]
    assert probability[spans.peak_row].tolist() == [0.6, 0.4, 0.7]
    assert spans.label.tolist() == [0, 1, 0]
    assert story.struck.lead_hours.tolist() == pytest.approx([np.nan, 12.0], nan_ok=True)
    assert story.struck.peak_row.tolist() == [NEVER_AT_RISK, 3]
    assert (story.rank[[0, 5, 7, 2, 8]].tolist(), story.of[[0, 8]].tolist()) == ([1, 2, 1, 2, 1], [2, 1])


def test_caught_failures_have_a_span_that_begins_before_them() -> None:
    rng = np.random.default_rng(7)
    cases = made_up_cases(rng, Size(nodes=20, failures=60))
    story = told(cases, made_up_scores(rng, cases)["model"], 0.2)
    spans, struck = story.spans, story.struck
    caught = np.flatnonzero(np.isfinite(struck.lead_hours))
    assert len(caught) > 10
    for at in caught:
        assert ((spans.node == struck.node[at]) & (spans.first < struck.start[at])).any()
        assert struck.peak_row[at] != NEVER_AT_RISK
    assert spans.alarms.sum() >= len(spans.node)
    assert (spans.last >= spans.first).all()


def test_no_alarm_and_no_failure_make_an_empty_story() -> None:
    cases, _ = small()
    nothing = np.zeros(0, dtype=np.int32)
    empty = EvaluationSet(cases.names, nothing, cases.ts[:0], np.zeros(0), nothing, cases.ts[:0], 1, 1)
    story = told(empty, np.zeros(0), 0.5)
    assert (len(story.spans.node), len(story.struck.node), len(story.rank)) == (0, 0, 0)
