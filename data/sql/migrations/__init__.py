"""Brings a database's tables up to date: one module for each version, carried out by Alembic's operations."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, Integer, MetaData, Table, delete, insert, inspect, select

if TYPE_CHECKING:
    from sqlalchemy import Connection

METADATA: Final = MetaData()
VERSIONS: Final = Table("schema_version", METADATA, Column("version", Integer, primary_key=True, autoincrement=False))
STEPS: Final = ("v1_first_tables", "v2_indices", "v3_revised_inventories", "v4_likely_causes")
SCHEMA_VERSION: Final = len(STEPS)


def version(connection: Connection) -> int:
    """Tell how far the tables are; 0 if there are none."""
    if not inspect(connection).has_table(VERSIONS.name):
        return 0
    return connection.execute(select(VERSIONS.c.version)).scalar() or 0


def upgrade(connection: Connection, target: int = SCHEMA_VERSION) -> None:
    """Carry out what lies between the tables' version and `target`, in the connection's transaction."""
    # Only a database that is new or old needs Alembic, which takes a quarter of a second to import.
    from alembic.migration import MigrationContext  # noqa: PLC0415 - as said above
    from alembic.operations import Operations  # noqa: PLC0415 - as said above

    found = version(connection)
    if found >= target:
        return
    operations = Operations(MigrationContext.configure(connection))
    for step in STEPS[found:target]:
        import_module(f"{__name__}.{step}").upgrade(operations)
    connection.execute(delete(VERSIONS))
    connection.execute(insert(VERSIONS).values(version=target))
