"""How results look on a terminal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from pipelines.analysis.evidence import CAUGHT_SHARE, FEWEST_FOR_AN_INTERVAL
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
from pipelines.settings.durations import format_duration
from serving.explanation.reason import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import Console

    from data.ingest.ingest import IngestReport
    from pipelines.analysis.check import CheckReport
    from pipelines.analysis.evidence import Evidence
    from pipelines.operations.status import DecisionStatus, ModelStatus, ScoreStatus, Status
    from pipelines.output.reports import DecideReport, ScoreReport, TrainReport

MOST_UNENDED: Final = 5
ACTIONS: Final = {"drain": "to drain", "hold back": "held back", "leave": "left alone"}


def show_check(report: CheckReport, console: Console) -> None:
    """Show what works, and what the records can prove."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in report.findings:
        mark = Text("✗", "red") if finding.error else Text("✓", "green")
        table.add_row(mark, finding.what, Text(finding.detail, overflow="fold"))
    console.print(table)
    if report.evidence:
        console.print(Text(evidence_in_words(report.evidence)), soft_wrap=True)


def show_ingest(report: IngestReport, console: Console) -> None:
    """Show what became of each table's rows."""
    table = _table(*INGEST_COLUMNS)
    for row in ingest_rows(report):
        table.add_row(*row)
    console.print(table)
    for remark in ingest_remarks(report):
        console.print(Text(remark), soft_wrap=True)


def show_train(report: TrainReport, console: Console) -> None:
    """Show what was trained."""
    for line in train_lines(report):
        console.print(Text(line), soft_wrap=True)
    if report.metrics:
        table = _table(*TRAIN_COLUMNS)
        for row in train_rows(report):
            table.add_row(*row)
        console.print(table)


def show_score(report: ScoreReport, console: Console, top: int = SHOWN) -> None:
    """Show the riskiest nodes."""
    _print_rows(console, RISKIEST_COLUMNS, riskiest_rows(report, top))
    for line in score_lines(report):
        console.print(Text(line), soft_wrap=True)


def show_decide(report: DecideReport, console: Console) -> None:
    """Show what should be drained, and what held the rest back."""
    _print_rows(console, DECISION_COLUMNS, decision_rows(report))
    for line in decide_lines(report):
        console.print(Text(line), soft_wrap=True)


def _print_rows(console: Console, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=name in {"node", "verdict"}, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell.replace(SEPARATOR, "\n")) for cell in row))
    if rows:
        console.print(table)


def show_status(found: Status, console: Console) -> None:
    """Show what the state holds."""
    console.print(Text(f"{found.fleet}: state in {found.state}"), soft_wrap=True)
    if not found.tables:
        console.print("nothing here yet: run `nodeward ingest`")
        return
    table = _table("table", "rows", "newest (UTC)", "version")
    for name, held in found.tables.items():
        table.add_row(name, f"{held.rows:,}", _when(held.newest), "" if held.version is None else str(held.version))
    console.print(table)
    for line in (
        failures_in_words(found),
        *models_in_words(found.models),
        scores_in_words(found.scores),
        decisions_in_words(found.decisions),
    ):
        console.print(Text(line), soft_wrap=True)


def failures_in_words(found: Status) -> str:
    """Say how many failures were seen, and when the last one was."""
    last = f", the last on {_when(found.newest_failure)}" if found.newest_failure else ""
    return f"{found.failures:,} failures{last}"


def models_in_words(found: Sequence[ModelStatus]) -> list[str]:
    """Say which models have a role, and how many others are registered."""
    if not found:
        return ["no model yet: run `nodeward train`"]
    lines = [_role(one) for one in found if one.aliases]
    rest = sum(not one.aliases for one in found)
    return [*lines, f"models without a role: {rest}"] if rest else lines


def _role(model: ModelStatus) -> str:
    until = _when(model.trained_until) or "unknown"
    support = "" if model.support == "ok" else f" ({model.support})"
    return f"{' and '.join(sorted(model.aliases))}: model {model.version}, trained until {until}{support}"


def scores_in_words(found: ScoreStatus | None) -> str:
    """Say how fresh the scores are."""
    if found is None:
        return "no scores yet: run `nodeward score`"
    age = "" if found.age is None else f", {format_duration(timedelta(minutes=found.age // timedelta(minutes=1)))} old"
    stale = " (stale: not acted on)" if found.is_stale else ""
    return (
        f"scores as of {_when(found.as_of)}{age}{stale} by model {found.model_version}: "
        f"{found.nodes:,} nodes, {found.unknown:,} unknown"
    )


def decisions_in_words(found: DecisionStatus | None) -> str:
    """Say what was decided last."""
    if found is None:
        return "no decisions yet: run `nodeward decide`"
    counts = ", ".join(f"{count:,} {ACTIONS.get(action, action)}" for action, count in found.actions.items())
    return f"decisions as of {_when(found.as_of)}: {counts}; {found.held_back:,} held back by a limit"


def _when(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M}"


def _table(*columns: str) -> Table:
    """Lay out a table with its numbers to the right."""
    table = Table(*columns, box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _learnable(found: Evidence) -> str:
    if found.learnable is None:
        return ""
    seen = "up and seen" if found.is_seen else "up (how many of them were seen, an ingest will tell)"
    return f"; {found.learnable:,} of them at nodes that were {seen}, which can be learned from"


def evidence_in_words(found: Evidence) -> str:
    """Say what the failures allow, with the numbers behind it."""
    enough = (
        "enough to train on"
        if found.is_enough_to_train
        else f"fewer than model.min_failures = {found.failures_needed}: low support, history and pooled rates only"
    )
    span = f"{found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}"
    first = f"{found.failures:,} failures of {found.nodes:,} nodes, {span}{_learnable(found)}: {enough}."
    late = f"A backtest on the last quarter would be judged on {found.failures_in_last_quarter} failures: "
    if found.ignored_kinds:
        kinds = ", ".join(f"{count:,} of kind {kind!r}" for kind, count in found.ignored_kinds.items())
        first = f"{first}\nIgnored events: {kinds}; those that count are of kind 'failure', 'maintenance' or 'action'."
    if found.unended:
        first = f"{first}\n{_unended(found.unended)}"
    if found.half_width is None:
        return f"{first}\n{late}too few for an interval (under {FEWEST_FOR_AN_INTERVAL})."
    width = f"a caught share of {CAUGHT_SHARE:.2f} would be known to ±{found.half_width:.3f} at best (95%, Wilson's"
    return f"{first}\n{late}{width} interval): failures that share nodes and weeks often double it."


def _unended(nodes: dict[str, int]) -> str:
    told = ", ".join(f"{node} ({count})" for node, count in list(nodes.items())[:MOST_UNENDED])
    return (
        "Failures that start while an earlier one of their node has no end are part of that one, and the node is not "
        f"scored: {told}{' …' if len(nodes) > MOST_UNENDED else ''}. Give the earlier ones an end."
    )
