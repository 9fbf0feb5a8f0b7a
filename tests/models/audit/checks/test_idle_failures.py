from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.audit.checks.idle_failures import check
from models.audit.finding import Severity
from tests.models.audit.test_permutation import cases

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABELS = [[0.0, 1, 1, 0]] * 20 + [[0.0] * 4] * 380
CASES = cases(LABELS, [(node, 3.5) for node in range(20)])


def idle_of(nodes: int, others: int = 0) -> NDArray[np.float64]:
    """Return rows whose node is idle: so many of the nodes that fail, and so many of the others."""
    is_idle = (CASES.node < nodes) | ((CASES.node >= 20) & (CASES.node < 20 + others))
    return is_idle.astype(np.float64)


def test_failures_of_idle_nodes_are_found_with_both_shares() -> None:
    finding = check(CASES, idle_of(12, others=20))
    assert finding.verdict is Severity.FOUND
    assert finding.figure.startswith("12 of 20 failures (60%) hit nodes that were idle")
    assert "8.0% of all rows at risk are idle" in finding.figure
    assert "maintenance" in finding.fix


def test_fewer_than_half_of_the_failures_are_suspicious_and_as_many_as_rows_are_clear() -> None:
    assert check(CASES, idle_of(8, others=4)).verdict is Severity.SUSPICIOUS
    assert check(CASES, idle_of(10, others=190)).verdict is Severity.CLEAR


def test_the_last_forecast_before_the_failure_counts() -> None:
    idle = np.where(CASES.ts < CASES.ts.max(), idle_of(20), 0.0)
    assert check(CASES, idle).figure.startswith("0 of 20 failures (0%)")


def test_a_node_that_fails_again_and_again_counts_once_for_chance() -> None:
    often = cases(LABELS, [(0, 1.5), (0, 2.5), (0, 3.5)])
    statistic = check(often, idle_of(1, others=19)).statistic
    assert statistic is not None
    assert np.isclose(statistic, 20 / 400)


def test_without_a_metric_of_work_or_a_failure_with_known_work_there_is_no_verdict() -> None:
    assert "idle_below" in check(CASES, None).figure
    assert check(CASES, None).verdict is Severity.INCONCLUSIVE
    assert check(CASES, np.full(len(CASES.node), np.nan)).verdict is Severity.INCONCLUSIVE
