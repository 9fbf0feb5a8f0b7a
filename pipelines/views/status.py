"""Prints what the state holds: records, models, scores and decisions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from data.durations import format_duration
from pipelines.views.tables import minute, numeric_table, print_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pipelines.operations.status import DecisionStatus, ModelStatus, ScoreStatus, Status

MINUTE: Final = timedelta(minutes=1)
ACTIONS: Final = {"drain": "to drain", "hold back": "held back", "leave": "left alone"}


def show_status(status: Status, console: Console) -> None:
    """Print a row for each table, then a line for failures, each model with a role, scores and decisions."""
    print_lines(console, [f"{status.fleet}: state in {status.state}"])
    if not status.tables:
        console.print("nothing here yet: run `nodeward ingest`")
        return
    table = numeric_table("table", "rows", "newest (UTC)", "version")
    for name, of_table in status.tables.items():
        version = "" if of_table.version is None else str(of_table.version)
        table.add_row(name, f"{of_table.rows:,}", minute(of_table.newest), version)
    console.print(table)
    print_lines(
        console,
        (
            _failures_line(status),
            *_model_lines(status.models),
            _scores_line(status.scores),
            _decisions_line(status.decisions),
        ),
    )


def _failures_line(status: Status) -> str:
    last = f", the last on {minute(status.newest_failure)}" if status.newest_failure else ""
    return f"{status.failures:,} failures{last}"


def _model_lines(models: Sequence[ModelStatus]) -> list[str]:
    if not models:
        return ["no model yet: run `nodeward train`"]
    lines = [_role_line(model) for model in models if model.aliases]
    rest = sum(not model.aliases for model in models)
    return [*lines, f"models without a role: {rest}"] if rest else lines


def _role_line(model: ModelStatus) -> str:
    until = minute(model.trained_until) or "unknown"
    support = "" if model.support == "ok" else f" ({model.support})"
    return f"{' and '.join(sorted(model.aliases))}: model {model.version}, trained until {until}{support}"


def _scores_line(scores: ScoreStatus | None) -> str:
    if scores is None:
        return "no scores yet: run `nodeward score`"
    age = "" if scores.age is None else f", {format_duration(scores.age // MINUTE * MINUTE)} old"
    stale = " (stale: not acted on)" if scores.is_stale else ""
    return (
        f"scores as of {minute(scores.as_of)}{age}{stale} by model {scores.model_version}: "
        f"{scores.nodes:,} nodes, {scores.unknown:,} unknown"
    )


def _decisions_line(decisions: DecisionStatus | None) -> str:
    if decisions is None:
        return "no decisions yet: run `nodeward decide`"
    counts = ", ".join(f"{count:,} {ACTIONS.get(action, action)}" for action, count in decisions.actions.items())
    return f"decisions as of {minute(decisions.as_of)}: {counts}; {decisions.held_back:,} held back by a limit"
