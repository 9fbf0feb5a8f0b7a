"""Version 3: a corrected inventory wins over an equally new one that it corrects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column

if TYPE_CHECKING:
    from alembic.operations import Operations


def upgrade(operations: Operations) -> None:
    """Add the time at which an inventory was written; null in the stored rows."""
    operations.add_column("nodes", Column("revised_at", BigInteger))
