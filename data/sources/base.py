"""The contract of a source of records, so that ingest does not depend on where they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl


class Source(Protocol):
    """Telemetry, events, inventory and blind periods in the columns of data/schema.py, not yet validated.

    A table can have the column UNREADABLE, which lists cells that are null because their text can't be read, and whole
    unreadable rows. They are quarantined.
    """

    @property
    def name(self) -> str:
        """The name of the source, which is stored with its events and quarantined rows."""
        ...

    def check(self) -> None:
        """Raise DataError if a table is missing, unreadable, empty or has wrong columns."""
        ...

    def telemetry(self) -> Iterator[pl.DataFrame]:
        """Yield bounded batches of node, ts, available_at and a float column for each metric; can be called again."""
        ...

    def events(self) -> pl.DataFrame:
        """Return EVENT_SCHEMA."""
        ...

    def nodes(self) -> pl.DataFrame:
        """Return NODE_SCHEMA; a null `as_of` means the newest time in the source.

        `revised_at` is when the inventory was written, null if that is unknown.
        """
        ...

    def blind(self) -> pl.DataFrame:
        """Return BLIND_SCHEMA, without a row if the source has no blind periods."""
        ...
