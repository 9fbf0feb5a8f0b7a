from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.analysis.check import CheckReport
from pipelines.analysis.evidence import Evidence
from pipelines.analysis.proposal import Rhythm
from pipelines.views.check import MOST_UNENDED, evidence_text, rhythm_lines

START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=80)


def evidence(failures: int, half_width: float | None) -> Evidence:
    return Evidence(START, END, 9, failures, 50, 7, half_width)


def test_the_text_differs_for_enough_and_too_few_failures() -> None:
    enough, too_few = evidence_text(evidence(60, 0.1)), evidence_text(evidence(49, None))
    assert "60 failures of 9 nodes, 2024-01-01 to 2024-03-21: enough to train on" in enough
    assert "±0.100 at best (95%, Wilson's interval)" in enough
    assert "fewer than model.min_failures = 50: low support" in too_few
    assert "too few for an interval (under 20)" in too_few


@pytest.mark.parametrize(
    ("is_seen", "words"),
    [
        (True, "; 49 of them on nodes that were up and reporting, which a model can learn from: fewer than model.min"),
        (False, "; 49 of them on nodes that were up (an ingest will show how many of these were reporting), which a"),
    ],
)
def test_the_text_has_the_number_of_failures_to_learn_from(is_seen: bool, words: str) -> None:  # noqa: FBT001  - a case of the table
    text = evidence_text(replace(evidence(60, None), learnable=49, is_seen=is_seen))
    assert text.startswith(f"60 failures of 9 nodes, 2024-01-01 to 2024-03-21{words}")


def test_the_text_says_into_how_many_outages_failures_are_merged() -> None:
    assert "outages" not in evidence_text(replace(evidence(60, None), recorded=60, outages={"1h": 60, "1d": 60}))
    one = evidence_text(replace(evidence(44, None), recorded=76, outages={"1d": 44}))
    assert "76 recorded failures are 44 outages where one that starts within 1d of another one's end is part" in one
    assert one.splitlines()[1].endswith("(forecast.repeat).")
    several = evidence_text(replace(evidence(64, None), recorded=76, outages={"1h": 70, "6h": 64, "1d": 44}))
    assert "are 70 outages where one that starts within 1h of another" in several
    assert "part of it, 64 within 6h, 44 within 1d (forecast.repeat, by horizon)." in several


def test_more_failures_to_learn_from_than_the_policys_horizon_tells_apart_are_explained() -> None:
    text = evidence_text(replace(evidence(64, None), learnable=69, is_seen=True))
    assert "; 69 (told apart by short horizons) on nodes that were up and reporting" in text


def test_the_text_names_alarm_rates_that_are_rarer_than_scores() -> None:
    gaps = {0.05: timedelta(hours=43.6), 0.1: timedelta(hours=20)}
    text = evidence_text(replace(evidence(60, None), alarm_gaps=gaps))
    assert "fewer than one a score: at 0.05 one in 43.6 h, at 0.1 one in 20 h." in text
    assert "alarm_rates" not in evidence_text(evidence(60, None))


def test_lines_to_write_are_printed_as_toml_after_what_they_fit() -> None:
    rhythm = Rhythm(timedelta(minutes=5), timedelta(hours=1.5), timedelta(hours=5))
    lines = {"buckets.width": '"1h"', "forecast.horizons": '["1h", "1d"]', "forecast.every": '"1h"'}
    first, *toml = rhythm_lines(CheckReport((), None, rhythm, lines))
    assert first == (
        "Samples come every 5 min; outages last 1.5 h (median), nine of ten at most 5 h. These settings fit that:"
    )
    assert tomllib.loads("\n".join(toml)) == {
        "buckets": {"width": "1h"},
        "forecast": {"horizons": ["1h", "1d"], "every": "1h"},
    }
    assert rhythm_lines(CheckReport((), None, replace(rhythm, outage_median=None))) == ["Samples come every 5 min."]
    stale = rhythm_lines(CheckReport((), None, Rhythm(), {"policy.stale_after": '"3h"'}))
    assert stale[0].startswith("Scores would be acted on that are older than their horizon.")
    assert stale[1:] == ["[policy]", 'stale_after = "3h"']
    assert rhythm_lines(CheckReport((), None, Rhythm())) == rhythm_lines(CheckReport((), None)) == []


def test_words_name_kinds_that_are_ignored() -> None:
    text = evidence_text(replace(evidence(60, None), ignored_kinds={"crash": 1}))
    assert "Ignored events: 1 of kind 'crash'; those that count are of kind 'failure'" in text
    assert "Ignored" not in evidence_text(evidence(60, None))


def test_words_name_the_nodes_with_a_failure_that_never_ended() -> None:
    text = evidence_text(replace(evidence(60, None), unended={"n1": 1}))
    assert "is not scored: n1 (1). Give the earlier ones an end." in text
    assert "no end" not in evidence_text(evidence(60, None))
    many = {f"n{number}": 1 for number in range(MOST_UNENDED + 1)}
    assert f"n{MOST_UNENDED - 1} (1) …. Give" in evidence_text(replace(evidence(60, None), unended=many))
