"""Nodes compared with their peers, against pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from features.telemetry import peers

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPARISONS = (peers.fleet_deviation, peers.fleet_ratio, peers.fleet_rank)
VALUES = st.sampled_from([0.0, -0.0, 1.0, 1.5, 2.0, 7.0, -3.0, np.nan])
FLEETS = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=VALUES)


def enough(values: NDArray[np.float64], fewest: int = peers.FEWEST_PEERS) -> NDArray[np.bool_]:
    return np.asarray(np.count_nonzero(~np.isnan(values), axis=0) >= fewest)


@given(FLEETS, st.floats(0, 1))
def test_quantiles_equal_those_of_pandas_where_there_are_five_peers(values: NDArray[np.float64], share: float) -> None:
    (quantile,) = peers.quantiles(values, (share,))
    expected = pd.DataFrame(values).quantile(share).to_numpy()
    np.testing.assert_allclose(quantile, np.where(enough(values), expected, np.nan), atol=1e-12)


@given(FLEETS)
def test_the_deviation_is_in_robust_standard_deviations(values: NDArray[np.float64]) -> None:
    frame = pd.DataFrame(values)
    spread = (frame.quantile(0.75) - frame.quantile(0.25)) / 1.349
    expected = (frame - frame.median()) / spread.where((spread > 0) & enough(values))
    np.testing.assert_allclose(peers.fleet_deviation(values), expected, atol=1e-9)


@given(FLEETS)
def test_the_ratio_is_to_the_fleets_median(values: NDArray[np.float64]) -> None:
    frame = pd.DataFrame(values)
    expected = frame / frame.median().where((frame.median() > 0) & enough(values))
    np.testing.assert_allclose(peers.fleet_ratio(values), expected, atol=1e-12)


@given(FLEETS)
def test_the_rank_goes_from_zero_to_one_and_ties_share_the_lowest_rank(values: NDArray[np.float64]) -> None:
    frame = pd.DataFrame(values)
    expected = ((frame.rank(method="min") - 1) / (frame.count() - 1)).where(frame.notna() & enough(values))
    np.testing.assert_allclose(peers.fleet_rank(values), expected, atol=1e-12)


@given(FLEETS, st.integers(1, 3))
def test_the_rank_in_a_group_is_that_of_pandas(values: NDArray[np.float64], groups: int) -> None:
    flat = values.ravel()
    group = np.arange(len(flat)) % groups
    by = pd.Series(flat).groupby(group)
    count = by.transform("count")
    expected = ((by.rank(method="min") - 1) / (count - 1)).where(~np.isnan(flat) & (count >= peers.FEWEST_PEERS))
    np.testing.assert_allclose(peers.group_rank(flat, group), expected, atol=1e-12)


@given(FLEETS)
def test_the_rank_in_a_group_of_all_is_the_rank_in_the_fleet(values: NDArray[np.float64]) -> None:
    node, column = np.nonzero(np.ones_like(values))
    ranks = peers.group_rank(values[node, column], column).reshape(values.shape)
    assert ranks.tobytes() == peers.fleet_rank(values).tobytes()


@given(FLEETS, st.integers(1, 3))
def test_the_groups_deviation_is_from_its_own_median(values: NDArray[np.float64], groups: int) -> None:
    group = np.arange(len(values)) % groups
    frame, count = pd.DataFrame(values), pd.DataFrame(values).groupby(group).transform("count")
    expected = (frame - frame.groupby(group).transform("median")).where(count >= peers.FEWEST_PEERS)
    np.testing.assert_allclose(peers.group_deviation(values, group), expected, atol=1e-12)


@given(FLEETS, st.randoms(use_true_random=False))
def test_the_order_of_the_nodes_and_nodes_without_values_change_no_bit(
    values: NDArray[np.float64], random: object
) -> None:
    order = np.array(sorted(range(len(values)), key=lambda _: random.random()))  # type: ignore[attr-defined]  # random is Random
    more = np.vstack([values[order], np.full((3, values.shape[1]), np.nan)])
    changed = [compare(more)[: len(values)].tobytes() for compare in COMPARISONS]
    assert changed == [compare(values)[order].tobytes() for compare in COMPARISONS]


def test_a_median_between_minus_zero_and_zero_is_zero() -> None:
    for values in ([0.0, -0.0, -0.0, 0.0, 0.0], [-0.0, 0.0, 0.0, -0.0, -0.0]):
        (middle,) = peers.quantiles(np.array(values)[:, None], (0.5,))
        assert not np.signbit(middle[0])


def test_a_single_node_with_a_value_has_no_peers() -> None:
    values = np.array([[3.0], [np.nan], [np.nan], [np.nan], [np.nan]])
    assert np.isnan([compare(values) for compare in COMPARISONS]).all()


def test_an_empty_fleet_has_no_quantiles() -> None:
    (middle,) = peers.quantiles(np.empty((1, 0)), (0.5,))
    assert middle.shape == (0,)
    assert peers.fleet_rank(np.empty((4, 0))).shape == (4, 0)
