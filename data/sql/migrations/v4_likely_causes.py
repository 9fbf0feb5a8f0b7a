"""Version 4: a score tells the likely cause of the failure that it forecasts, or why that is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Double, Text

if TYPE_CHECKING:
    from alembic.operations import Operations


def upgrade(operations: Operations) -> None:
    """Add the columns; of the scores that are there nobody was told."""
    for column in (Column("cause", Text), Column("cause_probability", Double), Column("cause_note", Text)):
        operations.add_column("latest_scores", column)
