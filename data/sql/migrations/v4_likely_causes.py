"""Version 4: scores with the likely cause of the forecast failure, or why it is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Double, Text

if TYPE_CHECKING:
    from alembic.operations import Operations


def upgrade(operations: Operations) -> None:
    """Add the columns; null in the stored scores."""
    for column in (Column("cause", Text), Column("cause_probability", Double), Column("cause_note", Text)):
        operations.add_column("latest_scores", column)
