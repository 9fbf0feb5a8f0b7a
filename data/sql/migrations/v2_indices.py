"""Version 2: the history of one node, and decisions by time, are found without reading the whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.operations import Operations


def upgrade(operations: Operations) -> None:
    """Make the indices; an index holds no row, so nothing can be lost."""
    operations.create_index("events_by_node", "events", ["node", "start"])
    operations.create_index("decisions_by_time", "decisions", ["ts"])
