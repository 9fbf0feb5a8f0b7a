"""Nodes beside those that are present at the same time, and what several metrics say together, against loops."""

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

    from features.population.at_risk import AtRisk
    from features.telemetry.on_change import CombinedStatistic, OnChangeStatistic

BOTH = ("reallocated", "pending")
VIEW = synthetic(np.random.default_rng(8), nodes=24, days=20).view()
RISK = assess(VIEW, daily(START + 3 * DAY, 15), None)


def one(
    statistic: OnChangeStatistic,
    window: timedelta | None = None,
    peer: Peer = Peer.NONE,
    metric: str = "reallocated",
) -> Feature:
    return Feature(metric, statistic, window, "", "", peer=peer)


def combined(statistic: CombinedStatistic, window: timedelta | None = None, metrics: tuple[str, ...] = BOTH) -> Feature:
    return Feature("counters", statistic, window, "", "", combines=metrics)


def told(*features: Feature, risk: AtRisk = RISK) -> NDArray[np.float32]:
    return batch.compute(Catalogue(features), VIEW, risk, risk.rows())


def everyone() -> pd.DataFrame:
    """List all who are present at each cutoff, the ones that are down too, with their last value."""
    rows = RISK.rows()
    node, cutoff = np.nonzero(RISK.present)
    present = type(rows)(rows.names, rows.cutoffs, node, cutoff)
    last = batch.compute(Catalogue((one(LAST),)), VIEW, RISK, present)[:, 0]
    hardware = dict(VIEW.nodes().select("node", "hardware").iter_rows())
    of_node = [hardware[rows.names[at]] for at in node]
    return pd.DataFrame({"node": node, "cutoff": cutoff, "hardware": of_node, "last": last})


@pytest.mark.parametrize(("peer", "by"), [(Peer.RANK, ["cutoff"]), (Peer.HARDWARE, ["cutoff", "hardware"])])
def test_a_value_is_ranked_among_all_that_are_present(peer: Peer, by: list[str]) -> None:
    frame, rows = everyone(), RISK.rows()
    groups = frame.groupby(by)["last"]
    expected = (groups.rank(method="min") - 1) / (groups.transform("count") - 1)
    frame["rank"] = expected.where(groups.transform("count") >= 5)
    own = frame.set_index(["node", "cutoff"])["rank"].loc[list(zip(rows.node, rows.cutoff, strict=True))]
    assert own.notna().mean() > 0.5
    np.testing.assert_allclose(told(one(LAST, peer=peer))[:, 0], own, atol=1e-6)


def test_a_row_of_an_absent_node_has_no_rank() -> None:
    node, cutoff = (axis[:3] for axis in np.nonzero(~RISK.present))
    rows = RISK.rows()
    absent = type(rows)(rows.names, rows.cutoffs, node, cutoff)
    ranks = batch.compute(Catalogue((one(LAST, peer=Peer.RANK),)), VIEW, RISK, absent)
    assert len(node) == 3
    assert np.isnan(ranks).all()


def test_nobody_is_no_company() -> None:
    rows = RISK.rows().take(np.arange(0))
    assert len(PresentPeers.of(VIEW, RISK, rows).ranks_of_rows(np.empty(0), Peer.RANK)) == 0


@pytest.mark.parametrize(
    ("statistic", "window"),
    [(COUNTERS_ABOVE_ZERO, None), (COUNTERS_RISING, DAY)],
)
def test_metrics_that_are_above_zero_are_counted(statistic: CombinedStatistic, window: timedelta | None) -> None:
    parts = told(*(one(statistic.base, window, metric=metric) for metric in BOTH))
    expected = np.where(np.isnan(parts).all(axis=1), np.nan, np.sum(np.nan_to_num(parts) > 0, axis=1))
    both = told(combined(statistic, window))[:, 0]
    assert len(np.unique(both[~np.isnan(both)])) == 3
    np.testing.assert_array_equal(both, expected)


def test_the_latest_rise_of_any_metric_counts() -> None:
    parts = told(*(one(DAYS_SINCE_RISE, metric=metric) for metric in BOTH))
    np.testing.assert_array_equal(told(combined(DAYS_SINCE_ANY_ROSE))[:, 0], np.fmin(*parts.T))


def test_the_order_of_the_metrics_changes_no_bit() -> None:
    three = (*BOTH, "ecc")
    forth, back = (
        told(
            combined(COUNTERS_ABOVE_ZERO, metrics=names),
            combined(DAYS_SINCE_ANY_ROSE, metrics=names),
            combined(COUNTERS_RISING, 7 * DAY, names),
        )
        for names in (three, three[::-1])
    )
    assert forth.tobytes() == back.tobytes()
