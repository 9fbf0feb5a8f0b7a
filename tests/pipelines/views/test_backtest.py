import io

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from models.evaluation.evaluate import Evaluation, ModelEvaluation
from models.metrics.estimate import Estimate
from pipelines.views.backtest import COLUMNS, STRONG_BASELINES, figures_table, intervals_table

SHARE = 0.01
MODELS = ("model", "random", "base_rate", "rule", "history", "logistic", "lightgbm_raw")


def evaluation(*models: str, value: float | None, draws: bool = True) -> Evaluation:
    """Return an evaluation in which every measure of every model has one value, with draws from half to 1.5 of it."""
    spread = np.linspace(0.5, 1.5, 1000) * value if draws and value is not None else None
    measures = {column.measure: Estimate(value, spread) for column in COLUMNS}
    return Evaluation({model: ModelEvaluation(measures, {SHARE: measures}, failures=100) for model in models})


def lines(table: Table) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=80).print(table)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("value", [0.0, 0.1234, 9.994, -328.4, 1234.5, None])
def test_no_cell_is_cut_at_eighty_columns(value: float | None) -> None:
    judged = evaluation(*MODELS, value=value)
    rows = [*lines(figures_table(7.0, judged, SHARE, 10_000)), *lines(intervals_table(judged, SHARE))]
    assert max(map(len, rows)) <= 80
    assert "…" not in "".join(rows)
    assert len(rows) == 2 + len(MODELS) + 2 + len(STRONG_BASELINES)


def test_a_column_has_the_same_decimals_in_every_row() -> None:
    title, heads, row, *_ = lines(figures_table(1.0, evaluation(*MODELS, value=0.5), SHARE, 973))
    assert title == "1 day ahead, alarms on 1.0% of the nodes (10 of 973 at a time)"
    assert heads.split() == ["PR-AUC", "caught", "precision", "lead,", "h", "obs/exp", "slope", "skill"]
    assert row.split() == ["model", "0.500", "0.500", "0.500", "0", "0.50", "0.50", "0.500"]


def test_the_models_figures_and_its_ratios_have_intervals() -> None:
    _, model, history, *_ = lines(intervals_table(evaluation(*MODELS, value=0.4), SHARE))
    assert model.split(maxsplit=1) == ["model", "0.400 [0.210, 0.590]  0.400 [0.210, 0.590]"]
    assert history.split("history")[1].split() == ["1.00", "[1.00,", "1.00]", "1.00", "[1.00,", "1.00]"]


def test_where_failures_are_too_few_there_are_values_without_intervals() -> None:
    _, model, *_ = lines(intervals_table(evaluation(*MODELS, value=0.4, draws=False), SHARE))
    assert model.split() == ["model", "0.400", "0.400"]


def test_what_is_undefined_is_a_dash() -> None:
    _, _, row, *_ = lines(figures_table(7.0, evaluation(*MODELS, value=None), SHARE, 973))
    assert row.split() == ["model", *["-"] * len(COLUMNS)]


def test_a_baseline_that_was_left_out_has_no_ratio() -> None:
    rows = lines(intervals_table(evaluation("model", "rule", "history", value=0.4), SHARE))
    assert [row.split()[2] for row in rows[2:]] == ["history", "rule"]
