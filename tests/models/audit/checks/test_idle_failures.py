from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.audit.checks.idle_failures import of_idle_nodes
from models.audit.finding import Severity
from tests.models.audit.test_permutation import cases

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABELS = [[0.0, 1, 1, 0]] * 20 + [[0.0] * 4] * 380
TOLD = cases(LABELS, [(node, 3.5) for node in range(20)])


def idle_of(nodes: int, others: int = 0) -> NDArray[np.float64]:
    """Let the failing nodes up to a number be idle, and so many of those that don't fail."""
    is_idle = (TOLD.node < nodes) | ((TOLD.node >= 20) & (TOLD.node < 20 + others))
    return is_idle.astype(np.float64)


def test_failures_that_strike_idle_nodes_are_found_with_both_shares() -> None:
    found = of_idle_nodes(TOLD, idle_of(12, others=20))
    assert found.verdict is Severity.FOUND
    assert found.figure.startswith("12 of 20 failures (60%) struck nodes that were idle")
    assert "8.0% of all rows at risk are idle" in found.figure
    assert "maintenance" in found.mend


def test_fewer_than_half_of_the_failures_are_suspicious_and_as_many_as_rows_are_clear() -> None:
    assert of_idle_nodes(TOLD, idle_of(8, others=4)).verdict is Severity.SUSPICIOUS
    assert of_idle_nodes(TOLD, idle_of(10, others=190)).verdict is Severity.CLEAR


def test_the_last_forecast_before_the_failure_counts() -> None:
    idle = np.where(TOLD.ts < TOLD.ts.max(), idle_of(20), 0.0)
    assert of_idle_nodes(TOLD, idle).figure.startswith("0 of 20 failures (0%)")


def test_a_node_that_fails_again_and_again_counts_once_for_chance() -> None:
    often = cases(LABELS, [(0, 1.5), (0, 2.5), (0, 3.5)])
    statistic = of_idle_nodes(often, idle_of(1, others=19)).statistic
    assert statistic is not None
    assert np.isclose(statistic, 20 / 400)


def test_without_a_metric_that_tells_or_a_failure_that_is_known_there_is_no_verdict() -> None:
    assert "idle_below" in of_idle_nodes(TOLD, None).figure
    assert of_idle_nodes(TOLD, None).verdict is Severity.INCONCLUSIVE
    assert of_idle_nodes(TOLD, np.full(len(TOLD.node), np.nan)).verdict is Severity.INCONCLUSIVE
