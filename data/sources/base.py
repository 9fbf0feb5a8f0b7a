"""What every source of records looks like, so that ingest never knows where they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl


class Source(Protocol):
    """Telemetry, events, inventory and blind periods in the columns of data/schema.py, not yet validated.

    A table can carry the column UNREADABLE: cells that are null there because what was written can't be read, and
    rows of which nothing can. They end up in quarantine.
    """

    @property
    def name(self) -> str:
        """Name the source; it stands in each of its events and quarantined rows."""
        ...

    def check(self) -> None:
        """Raise DataError if a part is missing, unreadable, empty or of another shape."""
        ...

    def telemetry(self) -> Iterator[pl.DataFrame]:
        """Yield bounded batches of node, ts, available_at and one float column a metric; may be read again."""
        ...

    def events(self) -> pl.DataFrame:
        """Give EVENT_SCHEMA."""
        ...

    def nodes(self) -> pl.DataFrame:
        """Give NODE_SCHEMA; a null `as_of` stands for the newest time that the source holds.

        `revised_at` is when the inventory was written, null if nobody knows.
        """
        ...

    def blind(self) -> pl.DataFrame:
        """Give BLIND_SCHEMA, without a row if the source knows of no blind period."""
        ...
