from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.analysis.evidence import Evidence
from pipelines.views.check import MOST_UNENDED, evidence_text

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
