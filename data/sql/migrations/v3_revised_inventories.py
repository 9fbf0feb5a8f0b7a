"""Version 3: an inventory that was corrected, and says nothing newer, wins over the one that it corrects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column

if TYPE_CHECKING:
    from alembic.operations import Operations


def upgrade(operations: Operations) -> None:
    """Add when an inventory was written; of the rows that are there nobody knows."""
    operations.add_column("nodes", Column("revised_at", BigInteger))
