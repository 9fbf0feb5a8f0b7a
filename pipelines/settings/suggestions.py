"""Lists every known key of the settings, and finds the one that a misspelt key most likely meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final, TypeAlias, TypeGuard, get_args

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Key: TypeAlias = tuple[str, ...]

ANY_NAME: Final = "<name>"  # stands for a table that the user names, as in metrics.columns.<name>.kind
_SAME_TABLE_CUTOFF: Final = 0.75
_ANYWHERE_CUTOFF: Final = 0.6


def known_keys(model: type[BaseModel], prefix: Key = ()) -> Iterator[Key]:
    """Yield the keys of a model and of the tables in it, each table before its keys."""
    for name, field in model.model_fields.items():
        path = (*prefix, name)
        yield path
        if _is_table(field.annotation):
            yield from known_keys(field.annotation, path)
        for value in get_args(field.annotation):
            if _is_table(value):
                yield from known_keys(value, (*path, ANY_NAME))


def suggest(model: type[BaseModel], wrong: Key) -> str:
    """Return a hint: the known key that was most likely meant, or the keys that the table can hold."""
    candidates = [_named_like(key, wrong) for key in known_keys(model)]
    same_table = [key for key in candidates if key[:-1] == wrong[:-1]]
    elsewhere = [key for key in candidates if key not in same_table]
    meant = (
        _closest(same_table, wrong[-1], _SAME_TABLE_CUTOFF)
        or _closest(elsewhere, wrong[-1], 1.0)
        or _closest(same_table, wrong[-1], _ANYWHERE_CUTOFF)
        or _closest(elsewhere, wrong[-1], _SAME_TABLE_CUTOFF)
    )
    if meant:
        return f"did you mean {'.'.join(meant)}?"
    return f"{'.'.join(wrong[:-1]) or 'the settings'} can hold {', '.join(key[-1] for key in same_table)}"


def _closest(keys: Sequence[Key], name: str, cutoff: float) -> Key | None:
    names = difflib.get_close_matches(name, [key[-1] for key in keys], n=1, cutoff=cutoff)
    return next((key for key in keys if [key[-1]] == names), None)


def _named_like(key: Key, wrong: Key) -> Key:
    """Put the user's name of a table into a known key where the wrong key has one."""
    if ANY_NAME not in key or len(key) != len(wrong):
        return key
    return tuple(name if part == ANY_NAME else part for part, name in zip(key, wrong, strict=True))


def _is_table(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
