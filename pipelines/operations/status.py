"""Summarizes the state, even an empty one, without changing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from data.errors import EmptyTableError
from data.outages import merge_failures
from data.schema import TS
from pipelines.wiring import wiring

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from data.delta.table import Table
    from data.sql.records import Records
    from pipelines.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class TableStatus:
    """The rows, the newest time and, for Delta tables, the version of a table."""

    rows: int
    newest: datetime | None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A registered version of the model."""

    version: str
    aliases: tuple[str, ...]
    trained_until: datetime | None
    support: str


@dataclass(frozen=True, slots=True)
class ScoreStatus:
    """The newest published scores: as of when, how old, by which model, and for how many nodes."""

    as_of: datetime
    age: timedelta | None
    is_stale: bool | None
    model_version: str
    nodes: int
    unknown: int


@dataclass(frozen=True, slots=True)
class DecisionStatus:
    """The newest decisions, counted by action, and how many a limit held back."""

    as_of: datetime
    actions: dict[str, int]
    held_back: int


@dataclass(frozen=True, slots=True)
class Status:
    """A summary of the state."""

    fleet: str
    state: str
    tables: dict[str, TableStatus]
    failures: int  # repeats merged as decisions, and forecasts over their horizon, see them
    newest_failure: datetime | None
    models: tuple[ModelStatus, ...]
    scores: ScoreStatus | None
    decisions: DecisionStatus | None


def status(settings: Settings) -> Status:
    """Summarize the state; one that was never written to is empty, and is not created."""
    if not wiring.has_records(settings):
        return Status(settings.fleet.name, str(settings.state.path), {}, 0, None, (), None, None)
    with wiring.records(settings) as records:
        failures = merge_failures(records.events(), settings.forecast.repeat_within(settings.policy.horizon))
        return Status(
            fleet=settings.fleet.name,
            state=str(settings.state.path),
            tables=_tables(settings, records),
            failures=failures.height,
            newest_failure=_newest(failures, "start"),
            models=_models(settings),
            scores=_scores(settings, records),
            decisions=_decisions(records.decisions()),
        )


def _tables(settings: Settings, records: Records) -> dict[str, TableStatus]:
    store = wiring.store(settings)
    delta_tables = (store.telemetry.table, store.buckets.table, store.quarantine.table, store.scores.table)
    return {
        "nodes": _frame_status(records.nodes(), "as_of"),
        "events": _frame_status(records.events(), "recorded_at"),
        "blind": _frame_status(records.blind(), "recorded_at"),
        **{table.uri.rpartition("/")[2]: _delta_status(table) for table in delta_tables},
    }


def _frame_status(frame: pl.DataFrame, time: str) -> TableStatus:
    return TableStatus(frame.height, _newest(frame, time))


def _delta_status(table: Table) -> TableStatus:
    version = table.version()
    return TableStatus(*table.rows_and_newest(), version if version >= 0 else None)


def _models(settings: Settings) -> tuple[ModelStatus, ...]:
    if not wiring.has_models(settings):
        return ()
    return tuple(
        ModelStatus(model.version, model.aliases, model.trained_until, model.support)
        for model in wiring.models(settings).versions()
    )


def _scores(settings: Settings, records: Records) -> ScoreStatus | None:
    scores = records.latest_scores()
    as_of = _newest(scores, TS)
    if as_of is None:
        return None
    age = _age(settings, records, as_of)
    return ScoreStatus(
        as_of=as_of,
        age=age,
        is_stale=None if age is None else age > settings.policy.stale_after,
        model_version=", ".join(scores["model_version"].drop_nulls().unique().sort()),
        nodes=scores.filter(pl.col("probability").is_not_null())["node"].n_unique(),
        unknown=scores.filter(pl.col("probability").is_null())["node"].n_unique(),
    )


def _age(settings: Settings, records: Records, as_of: datetime) -> timedelta | None:
    try:
        return wiring.clock(settings, records)() - as_of
    except EmptyTableError:
        return None


def _decisions(decisions: pl.DataFrame) -> DecisionStatus | None:
    as_of = _newest(decisions, TS)
    if as_of is None:
        return None
    last = decisions.filter(pl.col(TS) == as_of)
    counts = last.group_by("action").len().sort("action")
    return DecisionStatus(as_of, dict(counts.iter_rows()), last["limit"].count())


def _newest(frame: pl.DataFrame, time: str) -> datetime | None:
    newest: datetime | None = frame.select(pl.col(time).max()).item()
    return newest
