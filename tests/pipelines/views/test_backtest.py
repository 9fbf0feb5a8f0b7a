import io
from datetime import timedelta

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from models.evaluation.evaluate import Evaluation, ModelEvaluation
from models.metrics.estimate import Estimate
from pipelines.views.backtest import COLUMNS, STRONG_BASELINES, figures_table, heading, intervals_table

RATE = 0.005
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MODELS = ("model", "random", "base_rate", "rule", "history", "logistic", "lightgbm_raw")


def evaluation(*models: str, value: float | None, draws: bool = True) -> Evaluation:
    """Return an evaluation in which every measure of every model has one value, with draws from half to 1.5 of it."""
    spread = np.linspace(0.5, 1.5, 1000) * value if draws and value is not None else None
    measures = {column.measure: Estimate(value, spread) for column in COLUMNS}
    return Evaluation({model: ModelEvaluation(measures, {}, {RATE: measures}, failures=100) for model in models})


def lines(table: Table) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=80).print(table)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("value", [0.0, 0.1234, 9.994, -328.4, 1234.5, None])
def test_no_cell_is_cut_at_eighty_columns(value: float | None) -> None:
    judged = evaluation(*MODELS, value=value)
    rows = [*lines(figures_table(judged, RATE)), *lines(intervals_table(judged, RATE))]
    assert max(map(len, rows)) <= 80
    assert "…" not in "".join(rows)
    assert len(rows) == 1 + len(MODELS) + 2 + len(STRONG_BASELINES)


def test_a_column_has_the_same_decimals_in_every_row() -> None:
    heads, row, *_ = lines(figures_table(evaluation(*MODELS, value=0.5), RATE))
    assert heads.split() == ["PR-AUC", "caught", "precision", "lead,", "h", "obs/exp", "slope", "skill"]
    assert row.split() == ["model", "0.500", "0.500", "0.500", "0.50", "0.50", "0.50", "0.500"]


@pytest.mark.parametrize(
    ("horizon", "nodes", "title"),
    [
        (7 * DAY, 973, "7 days ahead, one alarm per 200 nodes and day (4.87 a day for 973 nodes)"),
        (DAY, 973, "24 h ahead, one alarm per 200 nodes and day (4.87 a day for 973 nodes)"),
        (6 * HOUR, 12, "6 h ahead, one alarm per 200 nodes and day (one every 16.7 days for 12 nodes)"),
        (HOUR / 2, 1, "30 min ahead, one alarm per 200 nodes and day (one every 200 days for 1 node)"),
        (HOUR, 0, "1 h ahead, one alarm per 200 nodes and day (none for 0 nodes)"),
    ],
)
def test_a_heading_has_the_alarms_of_this_fleet_within_eighty_columns(
    horizon: timedelta, nodes: int, title: str
) -> None:
    assert heading(horizon, RATE, nodes) == title
    assert len(title) <= 80


@pytest.mark.parametrize(
    ("value", "cells"),
    [
        (0.00042, ["0.00042", "0.00042", "0.00042", "0.00042", "0.00042", "0.00042", "0.00042"]),
        (0.254, ["0.254", "0.254", "0.254", "0.25", "0.25", "0.25", "0.254"]),
        (1.254, ["1.254", "1.254", "1.254", "1.3", "1.25", "1.25", "1.254"]),
        (13.42, ["13.4", "13.4", "13.4", "13", "13.4", "13.4", "13.4"]),
    ],
)
def test_the_largest_figure_of_a_column_has_two_significant_digits(value: float, cells: list[str]) -> None:
    judged = evaluation(*MODELS, value=value)
    heads, *rows = lines(figures_table(judged, RATE))
    assert {tuple(row.split()[1:]) for row in rows} == {tuple(cells)}
    assert max(map(len, [heads, *rows, *lines(intervals_table(judged, RATE))])) <= 80


def test_the_models_figures_and_its_ratios_have_intervals() -> None:
    _, model, history, *_ = lines(intervals_table(evaluation(*MODELS, value=0.4), RATE))
    assert model.split(maxsplit=1) == ["model", "0.400 [0.210, 0.590]  0.400 [0.210, 0.590]"]
    assert history.split("history")[1].split() == ["1.00", "[1.00,", "1.00]", "1.00", "[1.00,", "1.00]"]


def test_where_failures_are_too_few_there_are_values_without_intervals() -> None:
    _, model, *_ = lines(intervals_table(evaluation(*MODELS, value=0.4, draws=False), RATE))
    assert model.split() == ["model", "0.400", "0.400"]


def test_what_is_undefined_is_a_dash() -> None:
    _, row, *_ = lines(figures_table(evaluation(*MODELS, value=None), RATE))
    assert row.split() == ["model", *["-"] * len(COLUMNS)]


def test_a_baseline_that_was_left_out_has_no_ratio() -> None:
    rows = lines(intervals_table(evaluation("model", "rule", "history", value=0.4), RATE))
    assert [row.split()[2] for row in rows[2:]] == ["history", "rule"]
