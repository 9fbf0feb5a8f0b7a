"""Ranks among the nodes that are present at the same time, and combined metrics, against pandas and loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from features.catalogue.on_change import (
    COUNTERS_ABOVE_ZERO,
    COUNTERS_RISING,
    DAYS_SINCE_ANY_ROSE,
    DAYS_SINCE_RISE,
    LAST,
)
from features.compute import batch
from features.compute.peer_ranks import PresentPeers
from features.feature import Catalogue, Feature, Peer
from features.population.at_risk import assess
from tests.features.fleets import DAY, START
from tests.features.protocol import daily
from tests.features.synthetic import synthetic

if TYPE_CHECKING:
    from datetime import timedelta

    from numpy.typing import NDArray

    from features.telemetry.on_change import CombinedStatistic, OnChangeStatistic

BOTH = ("reallocated", "pending")
VIEW = synthetic(np.random.default_rng(8), nodes=24, days=20).view()
RISK = assess(VIEW, daily(START + 3 * DAY, 15), None)


def feature(
    statistic: OnChangeStatistic,
    window: timedelta | None = None,
    peer: Peer = Peer.NONE,
    metric: str = "reallocated",
) -> Feature:
    return Feature(metric, statistic, window, "", "", peer=peer)


def combined(statistic: CombinedStatistic, window: timedelta | None = None, metrics: tuple[str, ...] = BOTH) -> Feature:
    return Feature("counters", statistic, window, "", "", combines=metrics)


def compute(*features: Feature) -> NDArray[np.float32]:
    return batch.compute(Catalogue(features), VIEW, RISK, RISK.rows())


def present_nodes() -> pd.DataFrame:
    """List all nodes that are present at each cutoff, including those that are down, with their last value."""
    rows = RISK.rows()
    node, cutoff = np.nonzero(RISK.present)
    present = type(rows)(rows.names, rows.cutoffs, node, cutoff)
    last = batch.compute(Catalogue((feature(LAST),)), VIEW, RISK, present)[:, 0]
    hardware = dict(VIEW.nodes().select("node", "hardware").iter_rows())
    of_node = [hardware[rows.names[index]] for index in node]
    return pd.DataFrame({"node": node, "cutoff": cutoff, "hardware": of_node, "last": last})


@pytest.mark.parametrize(("peer", "by"), [(Peer.RANK, ["cutoff"]), (Peer.HARDWARE, ["cutoff", "hardware"])])
def test_a_value_is_ranked_among_all_nodes_that_are_present(peer: Peer, by: list[str]) -> None:
    frame, rows = present_nodes(), RISK.rows()
    groups = frame.groupby(by)["last"]
    expected = (groups.rank(method="min") - 1) / (groups.transform("count") - 1)
    frame["rank"] = expected.where(groups.transform("count") >= 5)
    of_rows = frame.set_index(["node", "cutoff"])["rank"].loc[list(zip(rows.node, rows.cutoff, strict=True))]
    assert of_rows.notna().mean() > 0.5
    np.testing.assert_allclose(compute(feature(LAST, peer=peer))[:, 0], of_rows, atol=1e-6)


def test_a_row_of_an_absent_node_has_no_rank() -> None:
    node, cutoff = (axis[:3] for axis in np.nonzero(~RISK.present))
    rows = RISK.rows()
    absent = type(rows)(rows.names, rows.cutoffs, node, cutoff)
    ranks = batch.compute(Catalogue((feature(LAST, peer=Peer.RANK),)), VIEW, RISK, absent)
    assert len(node) == 3
    assert np.isnan(ranks).all()


def test_no_rows_have_no_ranks() -> None:
    rows = RISK.rows().take(np.arange(0))
    assert len(PresentPeers.of(VIEW, RISK, rows).ranks_of_rows(np.empty(0), Peer.RANK)) == 0


@pytest.mark.parametrize(
    ("statistic", "window"),
    [(COUNTERS_ABOVE_ZERO, None), (COUNTERS_RISING, DAY)],
)
def test_metrics_above_zero_or_rising_are_counted(statistic: CombinedStatistic, window: timedelta | None) -> None:
    values = compute(*(feature(statistic.base, window, metric=metric) for metric in BOTH))
    expected = np.where(np.isnan(values).all(axis=1), np.nan, np.sum(np.nan_to_num(values) > 0, axis=1))
    counts = compute(combined(statistic, window))[:, 0]
    assert len(np.unique(counts[~np.isnan(counts)])) == 3
    np.testing.assert_array_equal(counts, expected)


def test_the_latest_rise_of_any_metric_counts() -> None:
    days = compute(*(feature(DAYS_SINCE_RISE, metric=metric) for metric in BOTH))
    np.testing.assert_array_equal(compute(combined(DAYS_SINCE_ANY_ROSE))[:, 0], np.fmin(*days.T))


def test_the_order_of_the_metrics_changes_no_bit() -> None:
    three = (*BOTH, "ecc")
    forward, reversed_order = (
        compute(
            combined(COUNTERS_ABOVE_ZERO, metrics=names),
            combined(DAYS_SINCE_ANY_ROSE, metrics=names),
            combined(COUNTERS_RISING, 7 * DAY, names),
        )
        for names in (three, three[::-1])
    )
    assert forward.tobytes() == reversed_order.tobytes()
