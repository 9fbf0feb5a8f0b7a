"""Lets a state folder be moved: MLflow stores absolute paths of files, which have to be changed then."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

# Where MLflow 3 keeps locations of files.
LOCATIONS: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)


def relocate(database: Path, experiment: str, artifacts: str) -> bool:
    """Change an experiment's locations in MLflow's SQLite file to `artifacts`; return whether that was necessary.

    Only if file and artifacts are in one folder do they move together; otherwise the file is left as it is.
    """
    if database.absolute().parent.as_uri() != artifacts.rpartition("/")[0] or not urlsplit(artifacts).path:
        return False
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
        row = connection.execute("SELECT artifact_location FROM experiments WHERE name = ?", (experiment,)).fetchone()
        if row is None or row[0] == artifacts:
            return False
        (old,) = row
        rest = len(old) + 1  # where a location goes on after the old one, counted from 1; its length with a slash
        connection.execute("BEGIN IMMEDIATE")
        for table, column in LOCATIONS:
            update = f"UPDATE {table} SET {column} = ? || substr({column}, ?)"  # noqa: S608  - names from the list above
            is_below = f"{column} = ? OR substr({column}, 1, ?) = ?"
            connection.execute(f"{update} WHERE {is_below}", (artifacts, rest, old, rest, f"{old}/"))
        connection.execute("COMMIT")
    return True
