"""Every error that Nodeward raises on purpose, with the exit code that the command line gives it.

NodewardError
├── SettingsError            2  a key, a value or an option is wrong
├── DataError                3  what was read can't be used
│   ├── SourceFileError         a file is missing, unreadable or truncated
│   ├── ColumnError             a column is missing or holds the wrong type
│   ├── EmptyTableError         a table holds no usable row
│   ├── TooLittleDataError      there is data, but not enough for what was asked
│   ├── FutureError             something asked a view for what it can't know yet
│   └── ModelMismatchError      a model was built for another catalogue
└── InfrastructureError        4  the disk, the network or a server failed
    ├── DiskFullError
    └── UnreachableError
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class NodewardError(Exception):
    """What went wrong, where, with which value, and how to fix it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, fix: str) -> None:
        super().__init__(f"{what}\n  → {fix}")
        self.what = what
        self.fix = fix


class SettingsError(NodewardError):
    """A settings key, its value or a command-line option is wrong."""

    exit_code = 2


class DataError(NodewardError):
    """What was read can't be used."""

    exit_code = 3


class SourceFileError(DataError):
    """A file of a source is missing, unreadable or truncated."""

    def __init__(self, path: object, why: str, *, fix: str = "check source.path and copy the file again") -> None:
        super().__init__(f"{path}: {why}", fix=fix)


class ColumnError(DataError):
    """A column is missing, or holds something else than it should."""

    @classmethod
    def missing(cls, table: object, missing: Iterable[str], available: Iterable[str]) -> ColumnError:
        """Name the columns that are missing beside those that are there."""
        return cls(
            f"{table}: no column {', '.join(sorted(missing))}; it has {', '.join(sorted(available))}",
            fix="map the file's own names under [source.columns.<table>] in the settings",
        )

    @classmethod
    def wrong_type(cls, table: object, column: str, found: object, expected: str) -> ColumnError:
        """Name the column, what it holds and what it should hold."""
        return cls(f"{table}: column {column} holds {found}, expected {expected}", fix="convert the column")


class EmptyTableError(DataError):
    """A table holds no row, or none that can be used."""

    def __init__(self, table: object, why: str = "holds no row", *, fix: str = "check the export behind it") -> None:
        super().__init__(f"{table}: {why}", fix=fix)


class TooLittleDataError(DataError):
    """There is data, but not enough for what was asked of it."""


class FutureError(DataError):
    """Something asked a view for what could not be known at its time."""

    def __init__(self, asked: object, view: object) -> None:
        super().__init__(
            f"asked for {asked} from a view at {view}",
            fix="take a view at a later time, or ask for an earlier one",
        )


class ModelMismatchError(DataError):
    """A model was built for another catalogue of features."""


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
