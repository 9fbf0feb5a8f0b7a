"""A shelf in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    import polars as pl


class Shelf:
    """Keeps tables in a dictionary."""

    def __init__(self) -> None:
        self.tables: dict[str, pl.DataFrame] = {}

    def names(self) -> Collection[str]:
        return self.tables.keys()

    def get(self, name: str) -> pl.DataFrame | None:
        return self.tables.get(name)

    def put(self, name: str, table: pl.DataFrame) -> None:
        self.tables[name] = table

    def drop(self, name: str) -> None:
        del self.tables[name]
