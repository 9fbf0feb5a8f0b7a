"""Lets a state folder be moved: MLflow writes down where files are as whole paths, and these must follow."""

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


def follow(database: Path, experiment: str, artifacts: str) -> bool:
    """Have MLflow's SQLite file find an experiment's files in `artifacts`; say whether it had to be changed.

    Only where both lie in one folder do they move together; a file of another folder's is left as it is.
    """
    if database.absolute().parent.as_uri() != artifacts.rpartition("/")[0] or not urlsplit(artifacts).path:
        return False
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
        found = connection.execute("SELECT artifact_location FROM experiments WHERE name = ?", (experiment,)).fetchone()
        if found is None or found[0] == artifacts:
            return False
        connection.execute("BEGIN IMMEDIATE")
        for table, column in LOCATIONS:
            whole = f"UPDATE {table} SET {column} = ? || substr({column}, ?)"  # noqa: S608  - names from the list above
            start = len(found[0]) + 1
            below = (artifacts, start, found[0], start, f"{found[0]}/")
            connection.execute(f"{whole} WHERE {column} = ? OR substr({column}, 1, ?) = ?", below)
        connection.execute("COMMIT")
    return True
