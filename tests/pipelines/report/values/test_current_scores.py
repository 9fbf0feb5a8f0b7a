from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from data.schema import DECISION_SCHEMA, SCORE_SCHEMA
from pipelines.report.render import render
from pipelines.report.values.current_scores import published
from serving.explanation.reason import Reason, to_json
from serving.policy.values import Verdict
from tests.pipelines.report.reports import whole

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HOT = Reason("temperature", "mean__1d", 91.0, "°C", 40.0, 60.0, NOW, or_earlier=False, odds=4.0, text="hot: 91 °C")


def scores() -> pl.DataFrame:
    rows = [
        {
            "node": node,
            "ts": NOW,
            "horizon_hours": hours,
            "probability": chance,
            "model_version": "3",
            "support": "ok" if chance else "unknown",
            "data_age_hours": 2.0,
            "reasons": to_json([HOT]) if node == "b" else None,
            "cause": "fan" if node == "b" else None,
            "cause_probability": 0.62 if node == "b" else None,
        }
        for node, chance in (("a", 0.1), ("b", 0.4), ("c", None))
        for hours in (24.0, 168.0)
    ]
    return pl.DataFrame(rows, schema=SCORE_SCHEMA)


def decisions() -> pl.DataFrame:
    told = [
        (NOW - timedelta(days=1), "a", Verdict.DRAIN, "old", None, 0.9),
        (NOW, "b", Verdict.DRAIN, "hot", None, 0.4),
        (NOW, "a", Verdict.HOLD_BACK, "warm", "one a rack", 0.1),
        (NOW, "c", Verdict.LEAVE, "unknown", None, None),
    ]
    rows = [
        {"node": node, "ts": ts, "action": action, "reason": why, "limit": limit, "probability": chance}
        for ts, node, action, why, limit, chance in told
    ]
    return pl.DataFrame(rows, schema=DECISION_SCHEMA)


def test_published_scores_are_ranked_with_their_reasons_and_the_unknown_counted() -> None:
    told = published(scores(), decisions(), 7.0)
    assert told is not None
    assert told.is_published
    assert (told.as_of, told.horizon_days, told.model, told.nodes, told.unknown) == (NOW, 7.0, "model 3", 2, 1)
    assert [(one.node, one.probability) for one in told.riskiest] == [("b", 0.4), ("a", 0.1)]
    assert told.riskiest[0].reasons == ("hot: 91 °C",)
    assert [one.cause for one in told.riskiest] == ["fan 62%", "unknown"]
    assert (told.riskiest[1].reasons, told.riskiest[1].data_age_hours) == ((), 2.0)


def test_only_the_last_decisions_are_told_and_what_held_one_back() -> None:
    told = published(scores(), decisions(), 7.0)
    assert told is not None
    assert told.verdicts is not None
    assert told.verdicts.drains == (("b", 0.4, "hot"),)
    assert told.verdicts.held_back == (("a", 0.1, "one a rack; warm"),)
    assert told.verdicts.left == 1


@pytest.mark.parametrize(("asked", "given"), [(1.0, 1.0), (5.0, 7.0), (30.0, 7.0)])
def test_the_horizon_nearest_to_the_one_asked_for_is_told(asked: float, given: float) -> None:
    told = published(scores(), decisions().clear(), asked)
    assert told is not None
    assert told.horizon_days == given
    assert told.verdicts is None


def test_without_scores_there_is_nothing_to_tell() -> None:
    assert published(scores().clear(), decisions(), 7.0) is None


def test_scores_and_decisions_are_on_the_page() -> None:
    page = render(replace(whole(), standing=published(scores(), decisions(), 7.0), tables={"buckets": 5}))
    assert "by model 3: 2 nodes scored, 1 not reporting." in page
    assert "hot: 91 °C" in page
    assert "1 to drain, 1 held back, 1 left alone" in page
    assert "one a rack; warm" in page
    assert "buckets version 5" in page
