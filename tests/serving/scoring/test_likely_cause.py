from __future__ import annotations

import pytest

from serving.scoring.likely_cause import LikelyCause, counted, with_cause

FAN, UNTOLD = LikelyCause("fan", 0.618), LikelyCause(note="fan 40%, disk 30%: none reaches 50%")


def test_a_likely_cause_is_told_with_its_probability_and_an_unknown_one_with_why() -> None:
    assert str(FAN) == "fan 62%"
    assert str(UNTOLD) == "unknown (fan 40%, disk 30%: none reaches 50%)"
    assert str(LikelyCause()) == "unknown"


def test_a_score_of_before_causes_were_told_has_none() -> None:
    assert LikelyCause.of_row({"cause": None, "cause_probability": None, "cause_note": None}) == LikelyCause()


def test_only_a_known_cause_stands_before_the_reasons() -> None:
    assert with_cause(FAN, "it is hot") == "likely cause: fan 62%; it is hot"
    assert with_cause(FAN, "") == "likely cause: fan 62%"
    assert with_cause(UNTOLD, "it is hot") == "it is hot"


@pytest.mark.parametrize(
    ("likely", "said"),
    [
        ([FAN, UNTOLD], "likely cause: known of 1 of 2 nodes"),
        ([UNTOLD, LikelyCause(note="other")], "likely cause: unknown of every node"),
        (
            [UNTOLD, LikelyCause(note="disk 45%, cpu 9%: none reaches 50%")],
            "likely cause: unknown of every node: none reaches 50%",
        ),
        ([LikelyCause(note="too few")] * 2, "likely cause: unknown of every node: too few"),
        ([LikelyCause()], "likely cause: unknown of every node"),
        ([], ""),
    ],
)
def test_one_line_says_of_how_many_nodes_the_cause_is_known(likely: list[LikelyCause], said: str) -> None:
    assert counted(likely) == said
