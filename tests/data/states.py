"""A small whole state, as files: tables of two months, records, a database of another program's, and a plain file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl

from data.delta.store import Store
from data.maintenance.backup import State
from data.schema import DECISION_SCHEMA, SCORE_SCHEMA
from data.sql.records import Records
from tests.data.made_up import DAY, HOUR, START, blind, events, nodes, telemetry

if TYPE_CHECKING:
    from pathlib import Path

TOLD = {"fleet": "made up", "made_at": "2024-06-01T00:00:00+00:00", "made_by": "a test"}
NEVER = DAY * 0


def database_of(folder: Path) -> str:
    """Give the URL of a state folder's database."""
    return f"sqlite:///{folder / 'nodeward.db'}"


def fill(folder: Path, days: int = 3) -> None:
    """Write a state into a folder."""
    store, records = Store.open(folder / "tables", HOUR), Records.open(database_of(folder))
    for day in range(days):
        batch = telemetry([("n1", day * DAY + hour * HOUR, NEVER, hour + 0.1) for hour in range(3)])
        store.buckets.refresh(store.telemetry, store.telemetry.merge(batch))
    scored = [
        ("n1", START, 24.0, None, "3", "unknown", None, "", "unknown", None, "it is not reporting"),
        ("n2", START, 24.0, 0.25, "3", "ok", 1.5, "its fans", "fan", 0.62, None),
    ]
    store.scores.add(pl.DataFrame(scored, schema=SCORE_SCHEMA, orient="row"))
    records.merge_nodes(nodes([{"node": "n1"}, {"node": "ñ", "rack": None}]))
    records.merge_events(events([{"end": None}, {"cause": None, "node": "ñ"}]))
    records.merge_blind(blind((HOUR, DAY)))
    decided = [("n1", START, "drain", "likely to fail", None, 0.5, 24.0, "3")]
    records.record_decisions(pl.DataFrame(decided, schema=DECISION_SCHEMA, orient="row"))
    records.close()
    (folder / "mlflow" / "run").mkdir(parents=True)
    (folder / "mlflow" / "run" / "model.txt").write_text("a tree")
    with closing(sqlite3.connect(folder / "mlflow.db")) as other, other:
        other.execute("CREATE TABLE IF NOT EXISTS runs (name TEXT)")
        other.execute("INSERT INTO runs VALUES ('first')")


def opened(folder: Path, cited: dict[str, list[int]] | None = None) -> State:
    """Open a state; its records are the caller's to close."""
    return State(folder, Store.open(folder / "tables", HOUR), Records.open(database_of(folder)), cited or {})


def contents(folder: Path) -> dict[str, object]:
    """Read everything that a state holds, in an order of its own."""
    state = opened(folder)
    read = state.records
    frames = [read.events(), read.nodes(), read.blind(), read.latest_scores(), read.decisions()]
    tables = [state.store.telemetry.read(), state.store.buckets.read(), state.store.scores.read()]
    read.close()
    with closing(sqlite3.connect(folder / "mlflow.db")) as other:
        runs = other.execute("SELECT name FROM runs").fetchall()
    return {
        "frames": [sorted(frame.rows(), key=str) for frame in [*frames, *tables]],
        "versions": state.store.versions(),
        "runs": runs,
        "model": (folder / "mlflow" / "run" / "model.txt").read_text(),
    }
