import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from pipelines.output.markdown import (
    decide_markdown,
    ingest_markdown,
    markdown_table,
    riskiest_rows,
    score_markdown,
    train_markdown,
)
from pipelines.output.reports import DecideReport, ScoredNode, ScoreReport, TrainReport
from pipelines.views.flows import show_decide, show_ingest, show_score, show_train
from serving.explanation.reason import LEGEND, Reason, reasons_text
from serving.policy.values import Decision, Verdict
from serving.scoring.likely_cause import LikelyCause
from tests.pipelines.made_up import ingest_all, merge_all, settings_of, write_records


def test_a_table_ends_its_cells_only_where_they_end() -> None:
    assert markdown_table(["a", "b"], [["x|y", "1"]]) == ["| a | b |", "| --- | --- |", "| x\\|y | 1 |"]
    assert markdown_table(["a"], [["x\\|y\nz"]])[-1] == "| x\\\\\\|y z |"


def test_markup_in_a_name_is_escaped() -> None:
    name = "n1<img src=x onerror=alert(1)>[here](javascript:alert)`\n# gone"
    escaped = "n1\\<img src=x onerror=alert(1)>\\[here](javascript:alert)\\` # gone"
    scores = (replace(SCORED.scores[0], node=name), *SCORED.scores[1:])
    lines = score_markdown(replace(SCORED, scores=scores, notices=(name,))).splitlines()
    assert [line.partition(" | ")[0] for line in lines if line.startswith("| n1\\<")] == [f"| {escaped}"]
    assert lines[-1] == f"- warning: {escaped}"


def test_an_ingest_is_reported_table_by_table(tmp_path: Path) -> None:
    report = ingest_markdown(ingest_all(settings_of(tmp_path)))
    assert report.startswith("# Ingest\n\n| table | new |")
    assert "| telemetry | 30 | 0 | 0 | 0 | 0 | 0 |" in report
    assert "- 30 buckets rolled up" in report
    assert "- newest time: 2024-01-11 00:00 UTC" in report


def test_quarantined_rows_are_reported_with_the_reason(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    write_records(tmp_path / "records")
    file = tmp_path / "records" / "telemetry.parquet"
    rows = pl.read_parquet(file)
    pl.concat([rows, rows.head(2).with_columns(node=pl.lit("ghost"))]).write_parquet(file)
    report = ingest_markdown(merge_all(settings))
    assert "- telemetry: 2 quarantined, since a row is of a node that the inventory does not list" in report


def test_an_ingest_is_shown_table_by_table(tmp_path: Path) -> None:
    out = io.StringIO()
    show_ingest(ingest_all(settings_of(tmp_path)), Console(file=out, width=120))
    assert "telemetry   30         0" in out.getvalue()


NOON = datetime(2024, 1, 11, 12, tzinfo=UTC)
WHY = tuple(
    Reason("load", "mean__1d", 9.0, "", 1.0, 3.0, None, or_earlier=False, odds=2.0, text=text)
    for text in (
        "a_metric_of_a_long_name -4.2 W on average over 30 days, normal 1-3, since 3 Mar 14:00 (9 days): odds x2",
        "load 9, normal 1-3: odds x2",
    )
)
REASONS = reasons_text(WHY)
TRAINED = TrainReport(
    trained_until=NOON,
    version="3",
    aliases=("challenger",),
    support="ok",
    basis="the fleet's rate alone",
    failures=504,
    min_failures=50,
    rows=162_952,
    features=274,
    metrics={"pr_auc_1d": 0.0241, "roc_auc_1d": 0.82, "pr_auc_14d": 0.135, "observed_over_expected_14d": 1.174},
    tables={},
    base_strength=0.37,
    trees_share=0.85,
)
SCORED = ScoreReport(
    as_of=NOON,
    model_version="3",
    support="ok",
    horizon=timedelta(days=7),
    nodes=973,
    unknown=15,
    out=2,
    scores=(
        ScoredNode("m100-0980", 0.428, {"7d": 0.428}, "ok", 0.0, WHY, LikelyCause("fan", 0.62)),
        ScoredNode(
            "m100-0015", 0.389, {"7d": 0.389}, "ok", 0.0, (), LikelyCause(note="fan 40%, disk 30%: none reaches 50%")
        ),
        ScoredNode("m100-1160", None, {"7d": None}, "unknown", 70.0, WHY, LikelyCause(note="it is not reporting")),
    ),
)
DECIDED = DecideReport(
    as_of=NOON,
    horizon=timedelta(days=7),
    model_version="3",
    fleet=990,
    out=2,
    threshold=0.179,
    drains=(Decision("n1", Verdict.DRAIN, 0.428, 14.0, f"P(failure) 42.8%; {REASONS}"),),
    held_back=(Decision("n2", Verdict.HOLD_BACK, 0.4, 12.0, "P(failure) 40.0%", "1 of rack r1 out or to be drained"),),
    left=972,
    unknown=15,
)


def printed(show: Callable[[Any, Console], None], report: object) -> list[str]:
    out = io.StringIO()
    show(report, Console(file=out, width=80))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_training_is_reported_with_a_row_for_each_horizon() -> None:
    page = train_markdown(TRAINED)
    assert "- 504 failures to learn from, 162,952 sampled rows, 274 features" in page
    assert "- base of every forecast: the fleet's failure rate, 37% recent and 63% long-run (learned)" in page
    assert "- what sets a node apart: 85% trees, 15% linear model" in page
    assert "| horizon | PR-AUC | ROC-AUC | observed/expected |" in page
    assert page.endswith("| 1d | 0.024 | 0.820 | - |\n| 14d | 0.135 | - | 1.174 |")
    assert printed(show_train, TRAINED)[-2:] == [
        "1d        0.024    0.820                  -",
        "14d       0.135        -              1.174",
    ]


def test_a_training_without_folds_has_no_table_of_figures() -> None:
    fallback = replace(TRAINED, metrics={}, support="low support")
    assert "| horizon" not in train_markdown(fallback)
    assert "its scores are never acted on" in printed(show_train, fallback)[-1]


def test_scores_are_reported_with_how_to_read_their_reasons() -> None:
    page = score_markdown(SCORED)
    assert f"| m100-0980 | 42.8% | likely cause: fan 62%; {REASONS} |" in page
    assert "| m100-0015 | 38.9% |  |" in page
    assert "- likely cause: known for 1 of 2 nodes" in page
    assert page.endswith(f"- {LEGEND}")
    assert "- 973 nodes scored as of " in page
    assert "15 unknown (not reporting), 2 out (in a failure or maintenance that has not ended); probabilities" in page
    assert "- 1 node scored as of " in score_markdown(replace(SCORED, nodes=1))
    assert LEGEND not in score_markdown(replace(SCORED, scores=(), nodes=0))
    assert "by model 3 (low support)," in score_markdown(replace(SCORED, support="low support"))


def test_notices_are_written_as_warnings() -> None:
    assert "- warning: too old" in score_markdown(replace(SCORED, notices=("too old",)))
    assert "- warning: too old" in train_markdown(replace(TRAINED, notices=("too old",)))


def test_decisions_are_reported_with_the_limit_that_held_them_back() -> None:
    page = decide_markdown(DECIDED)
    assert "| n2 | hold back | 1 of rack r1 out or to be drained; P(failure) 40.0% |" in page
    assert "1 to drain, 1 held back, 972 left alone, 15 of them unknown" in page
    assert LEGEND not in decide_markdown(replace(DECIDED, drains=(), held_back=()))


@pytest.mark.parametrize(("show", "report"), [(show_score, SCORED), (show_decide, DECIDED)])
def test_every_reason_has_a_line_of_its_own_and_none_is_cut(
    show: Callable[[Any, Console], None], report: ScoreReport | DecideReport
) -> None:
    lines = printed(show, report)
    table = lines[: next(number for number, line in enumerate(lines) if "as of" in line)]
    assert table
    assert max(map(len, table)) <= 80
    assert not any("…" in line for line in lines)
    assert any(line.endswith("load 9, normal 1-3: odds x2") for line in table)


def test_as_many_of_the_riskiest_nodes_are_listed_as_requested() -> None:
    assert [row[0] for row in riskiest_rows(SCORED, 1)] == ["m100-0980"]
    assert [row[0] for row in riskiest_rows(SCORED, 99)] == ["m100-0980", "m100-0015"]
    assert riskiest_rows(SCORED, 0) == []
