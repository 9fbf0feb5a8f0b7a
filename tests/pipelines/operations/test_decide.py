"""Decisions are about the nodes that are in the fleet now, whatever was scored."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data.schema import SCORE_SCHEMA
from pipelines.operations.decide import decide
from pipelines.operations.status import status
from pipelines.output.markdown import decide_lines
from pipelines.output.reports import DecideReport
from pipelines.settings.schema import Settings
from pipelines.wiring import wiring
from tests.pipelines.made_up import DAY, START, merge_all, settings_of, write_records

SCORED_AT = START + 9 * DAY
NAMES = ("a", "b", "c", "d", "e", "f")


def fleet_of(folder: Path, until: dict[str, datetime], *overrides: str) -> Settings:
    """Merge the records of a fleet of six nodes, of which some leave."""
    folder.mkdir(exist_ok=True)
    settings = settings_of(folder, "policy.limits.fleet_share=0.4", *overrides)
    write_records(settings.source.path)
    leaves = pl.Series([until.get(name) for name in NAMES], dtype=pl.Datetime("us", "UTC"))
    pl.DataFrame({"node": NAMES, "observed_from": [START] * len(NAMES), "observed_until": leaves}).write_parquet(
        settings.source.path / "nodes.parquet"
    )
    merge_all(settings)
    return settings


def publish(settings: Settings, **probabilities: float | None) -> None:
    """Publish scores for the policy's horizon; a node without a probability is unknown."""
    rows = [
        {
            "node": node,
            "ts": SCORED_AT,
            "horizon_hours": settings.policy.horizon / timedelta(hours=1),
            "probability": probability,
            "model_version": "3",
            "support": "unknown" if probability is None else "ok",
        }
        for node, probability in probabilities.items()
    ]
    with wiring.records(settings) as records:
        records.publish_scores(pl.DataFrame(rows, schema=SCORE_SCHEMA))


def counts(report: DecideReport) -> tuple[int, ...]:
    return len(report.drains), len(report.held_back), report.left, report.unknown, report.departed, report.unscored


def test_nodes_that_left_since_the_score_are_counted_and_not_decided_on(tmp_path: Path) -> None:
    settings = fleet_of(tmp_path, {"a": SCORED_AT + DAY / 2, "d": SCORED_AT + DAY / 2})
    publish(settings, a=0.9, b=0.8, c=0.01, d=None, e=None)
    report = decide(settings)
    assert (report.as_of, report.fleet) == (START + 10 * DAY, 4)
    assert [decision.node for decision in report.drains] == ["b"]
    assert counts(report) == (1, 0, 2, 1, 2, 1)
    assert "2 left alone, 1 of them unknown, 2 left the fleet since the score; nothing" in decide_lines(report)[0]
    assert decide_lines(report)[1].startswith("fleet of 4, 0 of them out already, 1 not scored yet; ")
    with wiring.records(settings) as records:
        assert sorted(records.decisions()["node"]) == ["b", "c", "e"]
    summary = status(settings).decisions
    assert summary is not None
    assert summary.actions == {"drain": 1, "leave": 2}


def test_limits_are_shares_of_the_nodes_that_are_in_the_fleet_now(tmp_path: Path) -> None:
    probabilities = dict.fromkeys(NAMES, 0.9)
    everyone = fleet_of(tmp_path / "everyone", {})
    publish(everyone, **probabilities)
    assert counts(decide(everyone)) == (2, 4, 0, 0, 0, 0)
    four = fleet_of(tmp_path / "four", dict.fromkeys("ab", SCORED_AT + DAY / 2))
    publish(four, **probabilities)
    assert counts(decide(four)) == (1, 3, 0, 0, 2, 0)
    assert counts(decide(four, SCORED_AT)) == (2, 4, 0, 0, 0, 0)


def test_a_fleet_that_has_left_altogether_has_no_decision(tmp_path: Path) -> None:
    settings = fleet_of(tmp_path, dict.fromkeys(NAMES, START + 10 * DAY))
    publish(settings, **dict.fromkeys(NAMES, 0.9))
    report = decide(settings)
    assert (report.fleet, counts(report)) == (0, (0, 0, 0, 0, 6, 0))
    assert "check observed_until, or give an earlier --at" in decide_lines(report)[-1]
    assert report.model_version == "3"
    with wiring.records(settings) as records:
        assert records.decisions().is_empty()


@pytest.mark.parametrize("at", [SCORED_AT, START + 10 * DAY])
def test_every_node_is_counted_once(tmp_path: Path, at: datetime) -> None:
    settings = fleet_of(tmp_path, {"a": SCORED_AT + DAY / 2})
    publish(settings, a=0.9, b=0.8, c=0.01, d=None)
    report = decide(settings, at)
    *decided, unknown, departed, unscored = counts(report)
    assert sum(decided) + report.out + unscored == report.fleet
    assert sum(decided) + departed == 4
    assert unknown == 1
