from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from models.audit import permutation
from models.audit.permutation import LabelledCases, RanksByTime
from models.evaluation.evaluation_set import EvaluationSet

DAY = np.timedelta64(86_400_000_000, "us")
START = np.datetime64("2021-01-01", "us")


def cases(label: list[list[float]], failures: list[tuple[int, float]]) -> EvaluationSet:
    """Describe nodes x days of labels, and failures as node and day."""
    table = np.array(label)
    node, step = (axis.ravel() for axis in np.indices(table.shape))
    return EvaluationSet(
        tuple(f"n{index:03d}" for index in range(len(table))),
        node.astype(np.int32),
        START + step * DAY,
        table.ravel(),
        np.ones(table.size, dtype=bool),
        START + np.arange(table.shape[1]) * DAY,
        np.array([node for node, _ in failures], dtype=np.int32),
        START + np.array([round(day * 24) for _, day in failures], dtype="timedelta64[h]").astype("timedelta64[us]"),
        horizon=timedelta(days=2),
        every=timedelta(days=1),
        repeat=timedelta(days=1),
    )


def labelled_cases(seed: int, nodes: int = 12, steps: int = 6) -> LabelledCases:
    rng = np.random.default_rng(seed)
    node, step = (axis.ravel() for axis in np.indices((nodes, steps)))
    keep = rng.random(len(node)) < 0.8
    failing = rng.random((nodes, steps)) < 0.3
    return LabelledCases(np.flatnonzero(keep), node[keep], step[keep], failing)


def test_the_positives_agree_with_the_labels() -> None:
    nan = float("nan")
    small = cases([[0, 1, 1, 0], [0, 0, 0, nan], [1, 1, 0, 0]], [(0, 3.0), (2, 1.5), (-1, 2.0)])
    labelled = LabelledCases.of(small, np.random.default_rng(1))
    label = np.zeros(len(labelled.case))
    label[labelled.positives] = 1
    assert label.tolist() == small.label[labelled.case].tolist()
    assert len(labelled.case) == 11
    assert labelled.failing_nodes == 2


def test_of_a_large_fleet_every_failing_node_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permutation, "MOST_ROWS", 40)
    large = cases([[0.0] * 4] * 28 + [[0, 1, 1, 0]] * 2, [(28, 3.0), (29, 3.0)])
    labelled = LabelledCases.of(large, np.random.default_rng(1))
    assert len(labelled.case) == 40
    assert labelled.failing_nodes == 2


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_the_area_of_one_time_is_scikit_learns(seed: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    values, label = rng.integers(0, distinct + 1, 30).astype(float), rng.random(30) < 0.4
    label[:2] = [True, False]
    area = RanksByTime.of(np.zeros(30, dtype=np.int64), values).roc_auc(np.flatnonzero(label))
    assert area == pytest.approx(roc_auc_score(label, values))


@given(st.integers(0, 10_000))
def test_pairs_of_different_times_do_not_count(seed: int) -> None:
    labelled = labelled_cases(seed)
    values = np.random.default_rng(seed).random(len(labelled.case))
    plain = RanksByTime.of(labelled.step, values).roc_auc(labelled.positives)
    with_trend = RanksByTime.of(labelled.step, values + 100 * labelled.step).roc_auc(labelled.positives)
    assert plain == with_trend or (np.isnan(plain) and np.isnan(with_trend))


@given(st.integers(0, 10_000))
def test_inverted_ranks_have_the_complement_of_the_area(seed: int) -> None:
    labelled = labelled_cases(seed)
    ranks = RanksByTime.of(labelled.step, np.random.default_rng(seed).integers(0, 4, len(labelled.case)).astype(float))
    if len(labelled.positives) and not np.isnan(area := ranks.roc_auc(labelled.positives)):
        assert ranks.inverted.roc_auc(labelled.positives) == pytest.approx(1 - area)


def test_missing_values_rank_below_all() -> None:
    ranks = RanksByTime.of(np.zeros(4, dtype=np.int64), np.array([np.nan, -5.0, np.nan, 2.0]))
    assert ranks.rank.tolist() == [1.5, 3.0, 1.5, 4.0]


def test_no_row_has_no_area() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert np.isnan(RanksByTime.of(nothing, np.empty(0)).roc_auc(nothing))


@given(st.integers(0, 10_000))
def test_a_permutation_keeps_how_many_fail_at_each_time_and_a_shift_how_often_each_node(seed: int) -> None:
    labelled = labelled_cases(seed)
    permuted, shifted = labelled.permuted(np.random.default_rng(seed)), labelled.shifted(np.random.default_rng(seed))
    assert permuted.failing.sum(axis=0).tolist() == labelled.failing.sum(axis=0).tolist()
    assert shifted.failing.sum(axis=1).tolist() == labelled.failing.sum(axis=1).tolist()


def test_permuted_failures_score_one_half_on_average() -> None:
    labelled = labelled_cases(3, nodes=60, steps=10)
    ranks = RanksByTime.of(labelled.step, labelled.failing[labelled.node, labelled.step].astype(np.float64))
    assert ranks.roc_auc(labelled.positives) == 1
    null = ranks.null_distribution(labelled.permuted_positives(np.random.default_rng(1), 400))
    assert null.mean() == pytest.approx(0.5, abs=0.01)
