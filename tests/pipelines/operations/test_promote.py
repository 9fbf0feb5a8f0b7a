import pytest

from pipelines.operations.promote import Promoted


@pytest.mark.parametrize(
    ("promoted", "summary"),
    [
        (Promoted("2", "1"), "model 2 is now the champion, in place of model 1: `nodeward score` uses it"),
        (Promoted("1", None), "model 1 is now the champion: `nodeward score` uses it"),
        (Promoted("1", "1"), "model 1 is the champion already: `nodeward score` uses it"),
    ],
)
def test_the_summary_names_what_changed_and_only_that(promoted: Promoted, summary: str) -> None:
    assert promoted.summary == summary
