from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_array

from data.errors import DataError
from models.metrics.bootstrap import NodeWeekCells, Resampler, concatenate_cells, draw_resampler, week_number
from tests.models.made_up import START

DAY = np.timedelta64(86_400_000_000, "us")


def drawn(nodes: int = 40, days: int = 50, size: int = 200, seed: int = 0) -> Resampler:
    names = [f"n{index:03d}" for index in range(nodes)]
    return draw_resampler(names, START, START + days * DAY, np.random.default_rng(seed), size)


@settings(deadline=None)
@given(st.datetimes(dt.datetime(1995, 1, 1), dt.datetime(2040, 1, 1)), st.integers(0, 20))  # noqa: DTZ001  - UTC
def test_weeks_change_exactly_where_the_iso_calendar_changes_them(moment: dt.datetime, ahead: int) -> None:
    later = moment + dt.timedelta(days=ahead)
    numbers = week_number(np.array([moment, later], dtype="datetime64[us]"))
    assert (numbers[0] == numbers[1]) == (moment.isocalendar()[:2] == later.isocalendar()[:2])


def test_each_resample_draws_as_many_nodes_and_weeks_as_there_are() -> None:
    resampler = drawn()
    assert (resampler.nodes[:-1].sum(axis=0) == 40).all()
    assert (resampler.weeks.sum(axis=0) == len(resampler.weeks)).all()
    assert len(resampler.weeks) == 8


def test_the_weights_spread_as_a_multinomial_does() -> None:
    nodes = drawn(size=4000).nodes[:-1].astype(np.float64)
    assert nodes.var() == pytest.approx(1 - 1 / 40, rel=0.03)


def test_the_same_seed_gives_the_same_draws_in_any_order_of_names() -> None:
    once = draw_resampler(["b", "a"], START, START + 30 * DAY, np.random.default_rng(3), 50)
    again = draw_resampler(["a", "b"], START, START + 30 * DAY, np.random.default_rng(3), 50)
    assert once.names == again.names == ("a", "b")
    assert (once.nodes == again.nodes).all()
    assert (once.weeks == again.weeks).all()


def test_a_single_node_and_week_are_drawn_every_time() -> None:
    resampler = drawn(nodes=1, days=1)
    assert (resampler.nodes == 1).all()
    assert (resampler.weeks == 1).all()


def test_no_nodes_can_be_drawn() -> None:
    assert drawn(nodes=0).nodes.shape == (1, 200)


def test_a_name_keeps_its_weight_in_any_list_of_names() -> None:
    resampler = drawn()
    ts = np.full(3, START)
    few = resampler.cells(["n005", "n030"], np.array([0, 1, -1], dtype=np.int32), ts)
    assert few.node.tolist() == [5, 30, 40]
    assert (resampler.weights(few)[2] == resampler.weeks[0]).all()


@pytest.mark.parametrize(("name", "offset"), [("stranger", 0), ("n001", -7), ("n001", 57)])
def test_a_node_or_week_that_was_not_drawn_is_refused(name: str, offset: int) -> None:
    with pytest.raises(DataError, match="the resampler knows 40 nodes and 8 weeks"):
        drawn().cells([name], np.array([0], dtype=np.int32), np.array([START + offset * DAY]))


@pytest.mark.parametrize("count", [0, 5, 40_000])
def test_sums_in_blocks_are_the_plain_product(count: int) -> None:
    rng = np.random.default_rng(1)
    resampler = drawn(size=70)
    cells = NodeWeekCells(rng.integers(0, 40, count), rng.integers(0, 8, count))
    matrix = rng.random((2, count))
    sums = np.concatenate(list(resampler.sums(csc_array(matrix), cells)), axis=1)
    assert sums == pytest.approx(matrix @ resampler.weights(cells))


def test_cells_join_in_order() -> None:
    first, second = NodeWeekCells(np.array([1]), np.array([2])), NodeWeekCells(np.array([3]), np.array([4]))
    joined = concatenate_cells([first, second])
    assert (joined.node.tolist(), joined.week.tolist()) == ([1, 3], [2, 4])
