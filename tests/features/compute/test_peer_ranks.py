"""Nodes beside those that are present at the same time, and what several metrics say together, against loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from features.compute import batch
from features.compute.peer_ranks import PresentPeers
from features.feature import Catalogue, Feature, Origin, Peer
from features.population.at_risk import assess
from tests.features.fleets import DAY, START
from tests.features.protocol import daily
from tests.features.synthetic import synthetic

if TYPE_CHECKING:
    from datetime import timedelta

    from numpy.typing import NDArray

    from features.population.at_risk import AtRisk

BOTH = ("reallocated", "pending")
VIEW = synthetic(np.random.default_rng(8), nodes=24, days=20).view()
RISK = assess(VIEW, daily(START + 3 * DAY, 15), None)


def one(stat: str, window: timedelta | None = None, peer: Peer = Peer.NONE, metric: str = "reallocated") -> Feature:
    return Feature(Origin.HELD, metric, stat, window, "", "", peer)


def jointly(stat: str, window: timedelta | None = None, of: tuple[str, ...] = BOTH) -> Feature:
    return Feature(Origin.HELD, "counters", stat, window, "", "", of=of)


def told(*features: Feature, risk: AtRisk = RISK) -> NDArray[np.float32]:
    return batch.compute(Catalogue(features), VIEW, risk, risk.rows())


def everyone() -> pd.DataFrame:
    """List all who are present at each cutoff, the ones that are down too, with their last value."""
    rows = RISK.rows()
    node, cutoff = np.nonzero(RISK.present)
    present = type(rows)(rows.names, rows.cutoffs, node, cutoff)
    last = batch.compute(Catalogue((one("last"),)), VIEW, RISK, present)[:, 0]
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
    np.testing.assert_allclose(told(one("last", peer=peer))[:, 0], own, atol=1e-6)


def test_a_row_of_an_absent_node_has_no_rank() -> None:
    node, cutoff = (axis[:3] for axis in np.nonzero(~RISK.present))
    rows = RISK.rows()
    absent = type(rows)(rows.names, rows.cutoffs, node, cutoff)
    ranks = batch.compute(Catalogue((one("last", peer=Peer.RANK),)), VIEW, RISK, absent)
    assert len(node) == 3
    assert np.isnan(ranks).all()


def test_nobody_is_no_company() -> None:
    rows = RISK.rows().take(np.arange(0))
    assert len(PresentPeers.of(VIEW, RISK, rows).of_rows(np.empty(0), Peer.RANK)) == 0


@pytest.mark.parametrize(
    ("stat", "base", "window"),
    [("above_zero", "last", None), ("rising", "increase", DAY)],
)
def test_metrics_that_are_above_zero_are_counted(stat: str, base: str, window: timedelta | None) -> None:
    parts = told(*(one(base, window, metric=metric) for metric in BOTH))
    expected = np.where(np.isnan(parts).all(axis=1), np.nan, np.sum(np.nan_to_num(parts) > 0, axis=1))
    both = told(jointly(stat, window))[:, 0]
    assert len(np.unique(both[~np.isnan(both)])) == 3
    np.testing.assert_array_equal(both, expected)


def test_the_latest_rise_of_any_metric_counts() -> None:
    parts = told(*(one("days_since_rise", metric=metric) for metric in BOTH))
    np.testing.assert_array_equal(told(jointly("days_since_rise"))[:, 0], np.fmin(*parts.T))


def test_the_order_of_the_metrics_changes_no_bit() -> None:
    names = (*BOTH, "ecc")
    forth, back = (
        told(jointly("above_zero", of=of), jointly("days_since_rise", of=of), jointly("rising", 7 * DAY, of))
        for of in (names, names[::-1])
    )
    assert forth.tobytes() == back.tobytes()
