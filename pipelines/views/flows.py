"""Prints the results of the flows ingest, train, score and decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from pipelines.output.markdown import (
    DECISION_COLUMNS,
    INGEST_COLUMNS,
    RISKIEST_COLUMNS,
    SHOWN,
    TRAIN_COLUMNS,
    decide_lines,
    decision_rows,
    ingest_remarks,
    ingest_rows,
    riskiest_rows,
    score_lines,
    train_lines,
    train_rows,
)
from pipelines.views.tables import numeric_table, print_lines
from serving.explanation.reason import SEPARATOR

if TYPE_CHECKING:
    from rich.console import Console

    from data.ingest.ingest import IngestReport
    from pipelines.output.reports import DecideReport, ScoreReport, TrainReport


def show_ingest(report: IngestReport, console: Console) -> None:
    """Print what became of each table's rows, then the remarks."""
    _print_numbers(console, INGEST_COLUMNS, ingest_rows(report))
    print_lines(console, ingest_remarks(report))


def show_train(report: TrainReport, console: Console) -> None:
    """Print what was trained, then its figures on held-out folds."""
    print_lines(console, train_lines(report))
    if report.metrics:
        _print_numbers(console, TRAIN_COLUMNS, train_rows(report))


def show_score(report: ScoreReport, console: Console, top: int = SHOWN) -> None:
    """Print the riskiest nodes, then a summary."""
    _print_nodes(console, RISKIEST_COLUMNS, riskiest_rows(report, top))
    print_lines(console, score_lines(report))


def show_decide(report: DecideReport, console: Console) -> None:
    """Print which nodes should be drained and which a limit held back, then a summary."""
    _print_nodes(console, DECISION_COLUMNS, decision_rows(report))
    print_lines(console, decide_lines(report))


def _print_numbers(console: Console, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = numeric_table(*columns)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _print_nodes(console: Console, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print a row for each node, each of its reasons on a separate line."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=name in {"node", "verdict"}, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell.replace(SEPARATOR, "\n")) for cell in row))
    if rows:
        console.print(table)
