from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tests.benchmarks import clustering
from tests.benchmarks.clustering import FailureRecords

START = datetime(2025, 1, 1, tzinfo=UTC)


def made_up(failures: list[tuple[str, float, float]], nodes: int = 4, days: float = 100.0) -> FailureRecords:
    """Make a fleet of two racks, observed for some days, with failures (node, hour, hours of repair)."""
    events = pl.DataFrame(
        {
            "node": [node for node, _, _ in failures],
            "start": [START + timedelta(hours=hour) for _, hour, _ in failures],
            "end": [START + timedelta(hours=hour + length) for _, hour, length in failures],
            "kind": "failure",
        }
    )
    names = [f"n{index}" for index in range(nodes)]
    inventory = pl.DataFrame(
        {
            "node": names,
            "rack": [f"r{index % 2}" for index in range(nodes)],
            "observed_from": START,
            "observed_until": START + timedelta(days=days),
        }
    )
    return FailureRecords.of("made up", events, inventory, "rack")


MADE_UP = made_up([("n0", 0.0, 1.0), ("n0", 10.0, 0.0), ("n0", 1000.0, 3.0), ("n2", 12.0, 2.0), ("n1", 13.0, 2.0)])


def test_gaps_and_repairs_by_hand() -> None:
    np.testing.assert_allclose(MADE_UP.gaps(), [10.0, 990.0])
    np.testing.assert_allclose(MADE_UP.fleet_gaps(), [10.0, 2.0, 1.0, 987.0])
    np.testing.assert_allclose(np.sort(MADE_UP.repairs()), [1.0, 2.0, 2.0, 3.0])
    assert MADE_UP.node_years == pytest.approx(400 / 365.25)
    assert MADE_UP.counts().tolist() == [3, 1, 1, 0]


def test_shares_by_hand() -> None:
    assert clustering.worst_share(MADE_UP, 0.25) == pytest.approx(3 / 5)
    assert clustering.soon_share(MADE_UP, 7) == pytest.approx(1 / 5)
    assert clustering.together_share(MADE_UP.failures) == pytest.approx(3 / 5)  # n0 twice and n2, both in rack r0


def test_failures_at_random_have_a_shape_and_a_variation_of_one_and_shuffling_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    hours = np.sort(rng.uniform(0.0, 2400.0, 600))
    random = made_up([(f"n{rng.integers(40)}", float(hour), 1.0) for hour in hours], nodes=40)
    assert clustering.weibull_shape(random.gaps()) == pytest.approx(1.0, abs=0.1)
    assert clustering.variation(random.fleet_gaps()) == pytest.approx(1.0, abs=0.1)
    shuffled = clustering.soon_share_shuffled(random, 3, rng)
    assert clustering.soon_share(random, 3) == pytest.approx(shuffled, abs=0.05)
    assert clustering.soon_share_by_chance(random, 3) == pytest.approx(shuffled, abs=0.05)
    assert clustering.together_share_by_chance(random.failures, rng) == pytest.approx(
        clustering.together_share(random.failures), abs=0.05
    )
