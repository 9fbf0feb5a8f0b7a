from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from data.schema import DECISION_SCHEMA, SCORE_SCHEMA
from pipelines.report.render import render
from pipelines.report.values.current_scores import published_scores
from serving.explanation.reason import Reason, to_json
from serving.policy.values import Verdict
from tests.pipelines.report.reports import whole

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
NOW = datetime(2026, 5, 1, tzinfo=UTC)
HOT = Reason("temperature", "mean__1d", 91.0, "°C", 40.0, 60.0, NOW, or_earlier=False, odds=4.0, text="hot: 91 °C")


def scores() -> pl.DataFrame:
    rows = [
        {
            "node": node,
            "ts": NOW,
            "horizon_hours": hours,
            "probability": probability,
            "model_version": "3",
            "support": "ok" if probability else "unknown",
            "data_age_hours": 2.0,
            "reasons": to_json([HOT]) if node == "b" else None,
            "cause": "fan" if node == "b" else None,
            "cause_probability": 0.62 if node == "b" else None,
        }
        for node, probability in (("a", 0.1), ("b", 0.4), ("c", None))
        for hours in (24.0, 168.0)
    ]
    return pl.DataFrame(rows, schema=SCORE_SCHEMA)


def decisions() -> pl.DataFrame:
    decided = [
        (NOW - timedelta(days=1), "a", Verdict.DRAIN, "old", None, 0.9),
        (NOW, "b", Verdict.DRAIN, "hot", None, 0.4),
        (NOW, "a", Verdict.HOLD_BACK, "warm", "one a rack", 0.1),
        (NOW, "c", Verdict.LEAVE, "unknown", None, None),
    ]
    rows = [
        {"node": node, "ts": ts, "action": action, "reason": why, "limit": limit, "probability": probability}
        for ts, node, action, why, limit, probability in decided
    ]
    return pl.DataFrame(rows, schema=DECISION_SCHEMA)


def test_published_scores_are_ranked_with_their_reasons_and_the_unknown_counted() -> None:
    current = published_scores(scores(), decisions(), WEEK)
    assert current is not None
    assert current.is_published
    assert (current.as_of, current.horizon, current.model, current.nodes, current.unknown) == (
        NOW,
        WEEK,
        "model 3",
        2,
        1,
    )
    assert [(node.node, node.probability) for node in current.riskiest] == [("b", 0.4), ("a", 0.1)]
    assert current.riskiest[0].reasons == ("hot: 91 °C",)
    assert [node.cause for node in current.riskiest] == ["fan 62%", "unknown"]
    assert (current.riskiest[1].reasons, current.riskiest[1].data_age_hours) == ((), 2.0)


def test_only_the_last_decisions_are_shown_with_the_limit_that_held_one_back() -> None:
    current = published_scores(scores(), decisions(), WEEK)
    assert current is not None
    assert current.decisions is not None
    assert current.decisions.drains == (("b", 0.4, "hot"),)
    assert current.decisions.held_back == (("a", 0.1, "one a rack; warm"),)
    assert current.decisions.left == 1


@pytest.mark.parametrize(("requested", "shown"), [(DAY, DAY), (5 * DAY, WEEK), (30 * DAY, WEEK), (HOUR, DAY)])
def test_the_horizon_nearest_to_the_requested_one_is_shown(requested: timedelta, shown: timedelta) -> None:
    current = published_scores(scores(), decisions().clear(), requested)
    assert current is not None
    assert current.horizon == shown
    assert current.decisions is None


def test_without_scores_there_is_nothing_to_show() -> None:
    assert published_scores(scores().clear(), decisions(), WEEK) is None


def test_scores_and_decisions_are_on_the_page() -> None:
    page = render(replace(whole(), scores=published_scores(scores(), decisions(), WEEK), table_versions={"buckets": 5}))
    assert "by model 3: 2 nodes scored, 1 not reporting." in page
    assert "hot: 91 °C" in page
    assert "1 to drain, 1 held back, 1 left alone" in page
    assert "one a rack; warm" in page
    assert "buckets version 5" in page
