from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import FLEET, OF_ONE, TIMES_FLEET, Catalogue, Feature, Origin, Peer
from serving.reasons import LEAST_LOG_ODDS, MOST_REASONS, Reason, explain, in_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAN = math.nan


def feature(metric: str, stat: str, unit: str = "W") -> Feature:
    return Feature(Origin.WINDOW, metric, stat, None, unit, "why")


POWER_MEAN, POWER_MAX = feature("power", "mean"), feature("power", "max")
LOAD, HEAT, ERRORS = feature("load", "mean", ""), feature("heat", "mean", "°C"), feature("errors", "count", "errors")
CATALOGUE = Catalogue((POWER_MEAN, LOAD, HEAT, POWER_MAX, ERRORS))


def values(*rows: list[float]) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


def test_contributions_add_up_by_metric_and_the_strongest_feature_speaks_for_it() -> None:
    told = explain(CATALOGUE, values([1, 2, 3, 4, 5]), np.array([[0.4, 0.5, -1.0, 0.3, 0.0]]))
    assert told == [(Reason(POWER_MEAN, 1.0, 1.0, 0.4 + 0.3), Reason(LOAD, 2.0, 2.0, 0.5))]


def test_a_metric_whose_features_cancel_out_is_no_reason() -> None:
    assert explain(CATALOGUE, values([1, 2, 3, 4, 5]), np.array([[2.0, 0, 0, -2.0, 0]])) == [()]


def test_a_metric_of_a_negative_feature_is_told_by_the_one_that_raises() -> None:
    ((told,),) = explain(CATALOGUE, values([1, 2, 3, 4, 5]), np.array([[-0.2, 0, 0, 0.9, 0]]))
    assert told.feature == POWER_MAX
    assert told.log_odds == pytest.approx(0.7)


def test_at_most_three_metrics_are_named_the_strongest_first() -> None:
    (told,) = explain(CATALOGUE, values([1, 2, 3, 4, 5]), np.array([[0.1, 0.4, 0.3, 0.0, 0.2]]))
    assert [reason.feature.metric for reason in told] == ["load", "heat", "errors"]


def test_the_median_is_over_the_nodes_that_have_the_feature() -> None:
    told = explain(CATALOGUE, values([1, NAN, 0, 0, 0], [3, NAN, 0, 0, 0], [NAN, NAN, 0, 0, 0]), np.eye(5)[[0, 0, 1]])
    assert [reason.fleet_median for (reason,) in told[:2]] == [2.0, 2.0]
    ((lonely,),) = told[2:]
    assert math.isnan(lonely.fleet_median)
    assert str(lonely) == "load mean: missing, odds x2.7"


def test_what_is_of_the_whole_fleet_is_no_reason_for_a_node() -> None:
    catalogue = Catalogue((feature(FLEET, "failure_rate", "1/d"), LOAD))
    (told,) = explain(catalogue, values([1, 2]), np.array([[3.0, 0.5]]))
    assert [reason.feature for reason in told] == [LOAD]


def test_no_rows_have_no_reasons() -> None:
    assert explain(CATALOGUE, np.empty((0, 5), dtype=np.float32), np.empty((0, 5))) == []


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason(POWER_MEAN, 1234.5, 1000.0, math.log(2)), "power mean: 1,234 W (fleet 1,000), odds x2"),
        (Reason(HEAT, 0.012345, -3.0, 0.05), "heat mean: 0.0123 °C (fleet -3), odds x1.1"),
        (Reason(HEAT, 999.7, 999.4, 6.0), "heat mean: 1,000 °C (fleet 999), odds x403"),
        (Reason(HEAT, 99.96, -1e7, 4.6), "heat mean: 100 °C (fleet -10,000,000), odds x99"),
        (Reason(LOAD, 12.0, NAN, 3.0), "load mean: 12, odds x20"),
        (Reason(ERRORS, NAN, 0.0, 1.0), "errors count: missing (fleet 0), odds x2.7"),
    ],
)
def test_a_reason_is_told_in_words_and_units(reason: Reason, words: str) -> None:
    assert str(reason) == words


@pytest.mark.parametrize(
    ("metric", "stat", "unit", "peer", "words"),
    [
        ("power_max", "mean", "robust sd", Peer.FLEET, "power_max mean vs fleet over 7d: -4.2 robust sd, odds x2"),
        ("power_max", "mean", "W", Peer.RACK, "power_max mean vs rack over 7d: -4.2 W, odds x2"),
        ("boot_n", "min", TIMES_FLEET, Peer.RATIO, "boot_n min of fleet over 7d: -4.2 x fleet, odds x2"),
        ("ecc", "increase", OF_ONE, Peer.RANK, "ecc increase rank over 7d: -4.2 of 1, odds x2"),
        ("failures", "relative_rate", TIMES_FLEET, Peer.NONE, "failures relative rate over 7d: -4.2 x fleet, odds x2"),
        ("node", "days_up", "d", Peer.NONE, "node days up over 7d: -4.2 d (fleet 0.1), odds x2"),
    ],
)
def test_the_median_stands_beside_a_value_only_where_that_is_not_relative(
    metric: str, stat: str, unit: str, peer: Peer, words: str
) -> None:
    feature = Feature(Origin.WINDOW, metric, stat, timedelta(days=7), unit, "why", peer)
    assert str(Reason(feature, -4.2, 0.1, math.log(2))) == words


def test_reasons_share_a_line() -> None:
    told = [Reason(HEAT, 1.0, 1.0, math.log(2)), Reason(LOAD, 2.0, 1.0, math.log(1.5))]
    assert in_words(told) == "heat mean: 1 °C (fleet 1), odds x2; load mean: 2 (fleet 1), odds x1.5"
    assert in_words([]) == ""


ADDED = st.lists(st.lists(st.floats(-3, 3), min_size=5, max_size=5), min_size=1, max_size=6)


@given(ADDED)
def test_reasons_only_ever_raise_the_score(rows: list[list[float]]) -> None:
    added = np.array(rows)
    for row, told in zip(added, explain(CATALOGUE, np.zeros(added.shape, np.float32), added), strict=True):
        log_odds = [reason.log_odds for reason in told]
        assert len(told) <= MOST_REASONS
        assert log_odds == sorted(log_odds, reverse=True)
        assert all(value >= LEAST_LOG_ODDS for value in log_odds)
        sums = {"power": row[0] + row[3], "load": row[1], "heat": row[2], "errors": row[4]}
        assert log_odds == pytest.approx(sorted((v for v in sums.values() if v >= LEAST_LOG_ODDS), reverse=True)[:3])
