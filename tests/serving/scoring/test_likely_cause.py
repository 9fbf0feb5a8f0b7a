from __future__ import annotations

import pytest

from serving.scoring.likely_cause import LikelyCause, likely_cause_summary, with_likely_cause

FAN, UNSURE = LikelyCause("fan", 0.618), LikelyCause(note="fan 40%, disk 30%: none reaches 50%")


def test_a_likely_cause_is_written_with_its_probability_and_an_unknown_one_with_its_note() -> None:
    assert str(FAN) == "fan 62%"
    assert str(UNSURE) == "unknown (fan 40%, disk 30%: none reaches 50%)"
    assert str(LikelyCause()) == "unknown"


def test_a_score_that_an_earlier_version_wrote_has_no_likely_cause() -> None:
    assert LikelyCause.from_row({"cause": None, "cause_probability": None, "cause_note": None}) == LikelyCause()


def test_only_a_known_cause_is_written_before_the_reasons() -> None:
    assert with_likely_cause(FAN, "it is hot") == "likely cause: fan 62%; it is hot"
    assert with_likely_cause(FAN, "") == "likely cause: fan 62%"
    assert with_likely_cause(UNSURE, "it is hot") == "it is hot"


@pytest.mark.parametrize(
    ("likely_causes", "summary"),
    [
        ([FAN, UNSURE], "likely cause: known for 1 of 2 nodes"),
        ([UNSURE, LikelyCause(note="other")], "likely cause: unknown for every node"),
        (
            [UNSURE, LikelyCause(note="disk 45%, cpu 9%: none reaches 50%")],
            "likely cause: unknown for every node: none reaches 50%",
        ),
        ([LikelyCause(note="too few")] * 2, "likely cause: unknown for every node: too few"),
        ([LikelyCause()], "likely cause: unknown for every node"),
        ([], ""),
    ],
)
def test_a_summary_has_the_number_of_nodes_with_a_known_cause(likely_causes: list[LikelyCause], summary: str) -> None:
    assert likely_cause_summary(likely_causes) == summary
