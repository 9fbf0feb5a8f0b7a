import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from models.audit import permutation
from models.audit.permutation import LabelledRows, RanksByTime
from models.evaluation.evaluation_set import EvaluationSet

DAY = np.timedelta64(86_400_000_000, "us")
START = np.datetime64("2021-01-01", "us")


def cases(label: list[list[float]], failures: list[tuple[int, float]], horizon_days: int = 2) -> EvaluationSet:
    """Describe nodes x days of labels, and failures as node and day."""
    table = np.array(label)
    node, step = (axis.ravel() for axis in np.indices(table.shape))
    return EvaluationSet(
        tuple(f"n{at:03d}" for at in range(len(table))),
        node.astype(np.int32),
        START + step * DAY,
        table.ravel(),
        np.array([node for node, _ in failures], dtype=np.int32),
        START + np.array([round(day * 24) for _, day in failures], dtype="timedelta64[h]").astype("timedelta64[us]"),
        horizon_days,
        1,
    )


def some_marks(seed: int, nodes: int = 12, steps: int = 6) -> LabelledRows:
    rng = np.random.default_rng(seed)
    node, step = (axis.ravel() for axis in np.indices((nodes, steps)))
    keep = rng.random(len(node)) < 0.8
    failing = rng.random((nodes, steps)) < 0.3
    return LabelledRows(np.flatnonzero(keep), node[keep], step[keep], failing)


def test_marks_agree_with_the_labels() -> None:
    nan = float("nan")
    told = cases([[0, 1, 1, 0], [0, 0, 0, nan], [1, 1, 0, 0]], [(0, 3.0), (2, 1.5), (-1, 2.0)])
    own = LabelledRows.of(told, np.random.default_rng(1))
    label = np.zeros(len(own.row))
    label[own.positives] = 1
    assert label.tolist() == told.label[own.row].tolist()
    assert len(own.row) == 11
    assert own.failing_nodes == 2


def test_of_a_large_fleet_every_failing_node_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permutation, "MOST_ROWS", 40)
    told = cases([[0.0] * 4] * 28 + [[0, 1, 1, 0]] * 2, [(28, 3.0), (29, 3.0)])
    own = LabelledRows.of(told, np.random.default_rng(1))
    assert len(own.row) == 40
    assert own.failing_nodes == 2


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_the_area_of_one_time_is_scikit_learns(seed: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    values, label = rng.integers(0, distinct + 1, 30).astype(float), rng.random(30) < 0.4
    label[:2] = [True, False]
    ours = RanksByTime.of(np.zeros(30, dtype=np.int64), values).roc_auc(np.flatnonzero(label))
    assert ours == pytest.approx(roc_auc_score(label, values))


@given(st.integers(0, 10_000))
def test_pairs_of_different_times_do_not_count(seed: int) -> None:
    own = some_marks(seed)
    values = np.random.default_rng(seed).random(len(own.row))
    hits = own.positives
    plain = RanksByTime.of(own.step, values).roc_auc(hits)
    moved = RanksByTime.of(own.step, values + 100 * own.step).roc_auc(hits)
    assert plain == moved or (np.isnan(plain) and np.isnan(moved))


@given(st.integers(0, 10_000))
def test_the_other_way_round_the_area_is_the_rest(seed: int) -> None:
    own = some_marks(seed)
    ranking = RanksByTime.of(own.step, np.random.default_rng(seed).integers(0, 4, len(own.row)).astype(float))
    if len(own.positives) and not np.isnan(area := ranking.roc_auc(own.positives)):
        assert ranking.turned.roc_auc(own.positives) == pytest.approx(1 - area)


def test_missing_values_rank_below_all() -> None:
    ranking = RanksByTime.of(np.zeros(4, dtype=np.int64), np.array([np.nan, -5.0, np.nan, 2.0]))
    assert ranking.rank.tolist() == [1.5, 3.0, 1.5, 4.0]


def test_no_row_has_no_area() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert np.isnan(RanksByTime.of(nothing, np.empty(0)).roc_auc(nothing))


@given(st.integers(0, 10_000))
def test_an_exchange_keeps_how_many_fail_at_each_time(seed: int) -> None:
    own = some_marks(seed)
    other = own.exchanged(np.random.default_rng(seed))
    assert other.failing.sum(axis=0).tolist() == own.failing.sum(axis=0).tolist()
    assert own.moved(np.random.default_rng(seed)).failing.sum(axis=1).tolist() == own.failing.sum(axis=1).tolist()


def test_exchanged_failures_score_one_half_on_average() -> None:
    own = some_marks(3, nodes=60, steps=10)
    ranking = RanksByTime.of(own.step, own.failing[own.node, own.step].astype(np.float64))
    assert ranking.roc_auc(own.positives) == 1
    assert ranking.null(own.shuffles(np.random.default_rng(1), 400)).mean() == pytest.approx(0.5, abs=0.01)
