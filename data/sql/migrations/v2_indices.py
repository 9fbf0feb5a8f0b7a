"""Version 2: indices for the history of one node and for decisions by time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.operations import Operations


def upgrade(operations: Operations) -> None:
    """Create the indices."""
    operations.create_index("events_by_node", "events", ["node", "start"])
    operations.create_index("decisions_by_time", "decisions", ["ts"])
