from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.benchmarks import clustering, compare_simulator
from tests.benchmarks.compare_simulator import BEGIN, END, PAGE, PICTURE, simulated, table, update

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.clustering import FailureRecords


@pytest.fixture(scope="module", name="made")
def _made() -> FailureRecords:
    return simulated()


@pytest.fixture(scope="module", name="lanl")
def _lanl() -> FailureRecords:
    return compare_simulator.lanl("LANL", compare_simulator.CLUSTERS)


def test_simulated_failures_cluster_as_those_of_lanls_clusters(made: FailureRecords, lanl: FailureRecords) -> None:
    assert clustering.distance(made.gaps(), lanl.gaps()) < 0.12
    assert (
        clustering.distance(made.fleet_gaps() / made.fleet_gaps().mean(), lanl.fleet_gaps() / lanl.fleet_gaps().mean())
        < 0.1
    )
    assert clustering.weibull_shape(made.gaps()) == pytest.approx(clustering.weibull_shape(lanl.gaps()), abs=0.1)
    assert clustering.soon_share(made, 7) == pytest.approx(clustering.soon_share(lanl, 7), abs=0.06)
    assert clustering.worst_share(made, 0.1) == pytest.approx(clustering.worst_share(lanl, 0.1), abs=0.08)


def test_simulated_failures_are_as_many_as_those_of_lanls_clusters(made: FailureRecords, lanl: FailureRecords) -> None:
    rates = [fleet.failures.height / fleet.node_years for fleet in (made, lanl)]
    tolerance = 4 * np.sqrt(float((made.counts() ** 2).sum())) / made.node_years
    assert rates[0] == pytest.approx(rates[1], abs=tolerance)


def test_simulated_repairs_take_as_long_as_those_of_lanls_clusters(made: FailureRecords, lanl: FailureRecords) -> None:
    assert clustering.distance(made.repairs(), lanl.repairs()) < 0.15
    assert made.repairs().mean() == pytest.approx(lanl.repairs().mean(), rel=0.4)


def test_the_page_shows_the_table_and_the_picture() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    assert "| failures per node-year |" in page
    assert PICTURE.relative_to(PAGE.parent).as_posix() in page
    assert PICTURE.stat().st_size > 1000


def test_an_update_replaces_the_text_between_the_marks_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    update(page, table(["", "one"], [("a", "1")]))
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n|  | one |\n| --- | ---: |\n| a | 1 |\n{END}\nafter\n"
