"""All errors that Nodeward raises on purpose, each with the exit code of the command that raised it.

NodewardError
├── SettingsError            2  a key, a value or an option is wrong
├── DataError                3  records can't be used
│   ├── SourceFileError         a file is missing, unreadable or truncated
│   ├── ColumnError             a column is missing or holds the wrong type
│   ├── EmptyTableError         a table holds no usable row
│   ├── TooLittleDataError      there is data, but not enough for the request
│   ├── FutureError             a time after that of a view was requested
│   └── ModelMismatchError      a model was built for another feature catalogue
└── InfrastructureError      4  the disk, the network or a server failed
    ├── DiskFullError
    └── UnreachableError
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class NodewardError(Exception):
    """What went wrong, where and with which value; `fix` is what the user can do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, fix: str) -> None:
        super().__init__(f"{what}\n  → {fix}")
        self.what = what
        self.fix = fix


class SettingsError(NodewardError):
    """A settings key, its value or a command-line option is wrong."""

    exit_code = 2


class DataError(NodewardError):
    """Records can't be used."""

    exit_code = 3


class SourceFileError(DataError):
    """A file of a source is missing, unreadable or truncated."""

    def __init__(self, path: object, why: str, *, fix: str = "check source.path and copy the file again") -> None:
        super().__init__(f"{path}: {why}", fix=fix)


class ColumnError(DataError):
    """A column is missing or holds the wrong type."""

    @classmethod
    def missing(cls, table: object, missing: Iterable[str], available: Iterable[str]) -> ColumnError:
        """Build the error that names the missing and the available columns."""
        return cls(
            f"{table}: no column {', '.join(sorted(missing))}; it has {', '.join(sorted(available))}",
            fix="map the file's own names under [source.columns.<table>] in the settings",
        )

    @classmethod
    def wrong_type(cls, table: object, column: str, actual: object, expected: str) -> ColumnError:
        """Build the error that names the column, its type and the expected type."""
        return cls(f"{table}: column {column} holds {actual}, expected {expected}", fix="convert the column")


class EmptyTableError(DataError):
    """A table has no row, or none that can be used."""

    def __init__(self, table: object, why: str = "holds no row", *, fix: str = "check the export behind it") -> None:
        super().__init__(f"{table}: {why}", fix=fix)

    @classmethod
    def no_node(cls, at: datetime) -> EmptyTableError:
        """Build the error that the fleet has no node at a time."""
        return cls(
            f"the fleet at {at:%Y-%m-%d %H:%M} UTC",
            "has no node",
            fix="ingest an inventory whose nodes are observed at that time",
        )


class TooLittleDataError(DataError):
    """There is data, but not enough for the request."""


class FutureError(DataError):
    """A time after that of a view was requested from it."""

    def __init__(self, requested: object, view: object) -> None:
        super().__init__(
            f"{requested} was requested from a view at {view}",
            fix="use a view at a later time, or request an earlier time",
        )


class ModelMismatchError(DataError):
    """A model was built for another feature catalogue."""


class InfrastructureError(NodewardError):
    """The disk, the network or a server failed; the same command may work later."""

    exit_code = 4


class DiskFullError(InfrastructureError):
    """The disk, or the quota on it, is full."""

    def __init__(self, where: object, why: str) -> None:
        super().__init__(f"{where}: {why}", fix="free some space, or move state.path to a larger disk, and run again")


class UnreachableError(InfrastructureError):
    """A server did not answer."""

    def __init__(self, what: str, address: object, why: str) -> None:
        super().__init__(f"{what} at {address} does not answer: {why}", fix="start it, or correct its address")
