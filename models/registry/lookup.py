"""Finding a registered model by alias or version, and what can be wrong with it: the same for every registry."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from data.errors import DataError, ModelMismatchError, SourceFileError
from data.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def find_version(requested: str, aliases: Mapping[str, str], versions: Sequence[str], model: tuple[str, str]) -> str:
    """Return the version of an alias, or the version itself; `model` is the name and the registry's address.

    Raises:
        DataError: if there is no such model.
    """
    version = aliases.get(requested, requested)
    if version in versions:
        return version
    name, address = model
    registered = ", ".join([*aliases, *versions])
    raise DataError(
        f"no model {requested!r} of {name!r} is registered at {redact(address)}",
        fix=f"choose one of {registered}" if registered else "run `nodeward train` first",
    )


@contextmanager
def describing_faults(version: str, name: str, source: str) -> Iterator[None]:
    """Add to an error of the block which registered model it is about.

    Raises:
        ModelMismatchError: if another version of Nodeward made it.
        DataError: if its files are gone or broken.
    """
    try:
        yield
    except ModelMismatchError as error:
        what = f"version {version} of {name!r} was made by another version of Nodeward"
        raise ModelMismatchError(
            f"{what}: {error.what.rpartition(': ')[2]}", fix="run `nodeward train`: its model replaces this one"
        ) from error
    except (SourceFileError, FileNotFoundError) as error:
        why = error.what if isinstance(error, SourceFileError) else error
        raise unreadable(version, name, source, why) from error


def unreadable(version: str, name: str, source: str, why: object) -> DataError:
    """Build the error for a registered model whose files are gone or broken."""
    return DataError(
        f"version {version} of {name!r} can't be read from {source}: {why}", fix="restore its files, or train again"
    )


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite store; None for any other address."""
    return Path(make_url(uri).database or "") if uri.startswith("sqlite:") else None
