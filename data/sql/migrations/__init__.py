"""Upgrades a database's tables: one module for each version, which uses Alembic's operations."""

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
    """Return the version of the tables; 0 if there are none."""
    if not inspect(connection).has_table(VERSIONS.name):
        return 0
    return connection.execute(select(VERSIONS.c.version)).scalar() or 0


def upgrade(connection: Connection, target: int = SCHEMA_VERSION) -> None:
    """Run the steps from the tables' version to `target` in the connection's transaction."""
    # Only a new or an old database needs Alembic, whose import takes a quarter of a second.
    from alembic.migration import MigrationContext  # noqa: PLC0415 - see above
    from alembic.operations import Operations  # noqa: PLC0415 - see above

    current = version(connection)
    if current >= target:
        return
    operations = Operations(MigrationContext.configure(connection))
    for step in STEPS[current:target]:
        import_module(f"{__name__}.{step}").upgrade(operations)
    connection.execute(delete(VERSIONS))
    connection.execute(insert(VERSIONS).values(version=target))
