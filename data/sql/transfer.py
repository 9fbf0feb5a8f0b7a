"""Moves the SQL records from one database to another, of the same kind or not, as frames."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import polars as pl
from sqlalchemy import BigInteger, Double, MetaData, Table, func, insert, inspect, select

from data.errors import SettingsError
from data.sql import migrations
from data.sql.engine import display_address, read_transaction, write_transaction
from data.sql.migrations import METADATA
from data.sql.tables import RECORD_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Engine

CHUNK: Final = 10_000


def dump(engine: Engine) -> dict[str, pl.DataFrame]:
    """Return every table as it is stored, all from one transaction."""
    with read_transaction(engine) as connection:
        return {table.name: _read(connection, table) for table in RECORD_TABLES}


@contextmanager
def replacing_records(
    engine: Engine, frames: Mapping[str, pl.DataFrame], version: int, *, force: bool
) -> Iterator[None]:
    """Replace all rows by frames of an earlier or the current version; committed if the block succeeds.

    Raises:
        SettingsError: if the database has rows and `force` is not set.
    """
    with write_transaction(engine) as connection:
        if not force and any(_has_rows(connection, table) for table in RECORD_TABLES):
            raise SettingsError(
                f"the database {display_address(engine)} holds records already",
                fix="name another one in state.url, or replace them with --force",
            )
        METADATA.drop_all(connection)
        migrations.upgrade(connection, version)
        for name, frame in frames.items():
            stored = Table(name, MetaData(), autoload_with=connection)
            for rows in frame.iter_slices(CHUNK):
                connection.execute(insert(stored), rows.to_dicts())
        migrations.upgrade(connection)
        yield


def _read(connection: Connection, table: Table) -> pl.DataFrame:
    schema = {column.name: _dtype(column.type) for column in table.columns}
    return pl.DataFrame(list(map(tuple, connection.execute(select(table)))), schema=schema, orient="row")


def _dtype(sql_type: object) -> pl.DataType:
    if isinstance(sql_type, BigInteger):
        return pl.Int64()
    return pl.Float64() if isinstance(sql_type, Double) else pl.String()


def _has_rows(connection: Connection, table: Table) -> bool:
    if not inspect(connection).has_table(table.name):
        return False
    return bool(connection.execute(select(func.count()).select_from(table)).scalar())
