"""A small complete state in files: tables of two months, records, a database of another program and a plain file."""

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

PROVENANCE = {"fleet": "made up", "made_at": "2024-06-01T00:00:00+00:00", "made_by": "a test"}
NO_DELAY = DAY * 0


def database_url(folder: Path) -> str:
    """Return the URL of a state folder's database."""
    return f"sqlite:///{folder / 'nodeward.db'}"


def fill_state(folder: Path, days: int = 3) -> None:
    """Write a state into a folder."""
    store, records = Store.open(folder / "tables", HOUR), Records.open(database_url(folder))
    for day in range(days):
        batch = telemetry([("n1", day * DAY + hour * HOUR, NO_DELAY, hour + 0.1) for hour in range(3)])
        store.buckets.refresh(store.telemetry, store.telemetry.merge(batch))
    scores = [
        ("n1", START, 24.0, None, "3", "unknown", None, "", "unknown", None, "it is not reporting"),
        ("n2", START, 24.0, 0.25, "3", "ok", 1.5, "its fans", "fan", 0.62, None),
    ]
    store.scores.add(pl.DataFrame(scores, schema=SCORE_SCHEMA, orient="row"))
    records.merge_nodes(nodes([{"node": "n1"}, {"node": "ñ", "rack": None}]))
    records.merge_events(events([{"end": None}, {"cause": None, "node": "ñ"}]))
    records.merge_blind(blind((HOUR, DAY)))
    decisions = [("n1", START, "drain", "likely to fail", None, 0.5, 24.0, "3")]
    records.record_decisions(pl.DataFrame(decisions, schema=DECISION_SCHEMA, orient="row"))
    records.close()
    (folder / "mlflow" / "run").mkdir(parents=True)
    (folder / "mlflow" / "run" / "model.txt").write_text("a tree")
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS runs (name TEXT)")
        database.execute("INSERT INTO runs VALUES ('first')")


def open_state(folder: Path, cited: dict[str, list[int]] | None = None) -> State:
    """Open a state; the caller closes its records."""
    return State(folder, Store.open(folder / "tables", HOUR), Records.open(database_url(folder)), cited or {})


def contents(folder: Path) -> dict[str, object]:
    """Return everything in a state, in a fixed order."""
    state = open_state(folder)
    records = state.records
    frames = [records.events(), records.nodes(), records.blind(), records.latest_scores(), records.decisions()]
    tables = [state.store.telemetry.read(), state.store.buckets.read(), state.store.scores.read()]
    records.close()
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        runs = database.execute("SELECT name FROM runs").fetchall()
    return {
        "frames": [sorted(frame.rows(), key=str) for frame in [*frames, *tables]],
        "versions": state.store.versions(),
        "runs": runs,
        "model": (folder / "mlflow" / "run" / "model.txt").read_text(),
    }
