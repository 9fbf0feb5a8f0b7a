"""The layers that settings are merged from (file, environment, --set), each value remembering where it was written."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from data.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

PREFIX: Final = "NODEWARD_"
NESTING: Final = "__"
_HEADER: Final = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_KEY: Final = re.compile(r"\s*([^#=\[\]]+?)\s*=")

_EXAMPLE: Final = "section.key=value, for example --set policy.horizon_days=3"


@dataclass(frozen=True, slots=True)
class Written:
    """One value, the key it was written under, and where."""

    path: tuple[str, ...]
    value: object
    origin: str
    raw: str | None = None  # the text of a value outside TOML, where it may have meant a plain string


def file_layer(path: Path) -> list[Written]:
    """Read a TOML file; raise SettingsError where it is missing, unreadable or no TOML."""
    try:
        text = path.read_bytes().decode()
        table = tomllib.loads(text)
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file", fix="`nodeward init` writes one; --config names another") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}", fix="make it readable, or name another by --config") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 at byte {error.start}", fix="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: no TOML: {error}", fix="strings need quotes, lists brackets") from error
    lines = _lines(text)
    return [Written(keys, value, _place(path, keys, lines)) for keys, value in leaves(table)]


def environment_layer(environ: Mapping[str, str], sections: Iterable[str]) -> list[Written]:
    """Read NODEWARD_SECTION__KEY variables; other NODEWARD_ ones pass, unless they look misspelt."""
    written = []
    for name, text in sorted(environ.items()):
        keys = name.removeprefix(PREFIX).lower().split(NESTING)
        if name.startswith(PREFIX) and len(keys) > 1:
            written += _expand(tuple(keys), text, f"environment variable {name}")
        elif name.startswith(PREFIX):
            _refuse_single_underscore(name, keys[0], sections)
    return written


def override_layer(overrides: Sequence[str]) -> list[Written]:
    """Read --set section.key=value options, the later winning."""
    written = []
    for option in overrides:
        key, equals, text = option.partition("=")
        path = _dotted(key.strip())
        if not equals or path is None:
            raise SettingsError(f"--set {option}: not a key and a value", fix=f"write {_EXAMPLE}")
        written += _expand(path, text.strip(), f"--set {key}")
    return written


def leaves(table: Mapping[str, object], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    """List the values of nested tables with their keys; an empty table is a value."""
    found: list[tuple[tuple[str, ...], object]] = []
    for key, value in table.items():
        if isinstance(value, dict) and value:
            found += leaves(value, (*path, key))
        else:
            found.append(((*path, key), value))
    return found


def merge(written: Iterable[Written]) -> dict[str, object]:
    """Lay values over one another, the last one winning."""
    tree: dict[str, object] = {}
    for item in written:
        table = tree
        for key in item.path[:-1]:
            below = table.get(key)
            table[key] = table = below if isinstance(below, dict) else {}
        table[item.path[-1]] = item.value
    return tree


def _expand(path: tuple[str, ...], text: str, origin: str) -> list[Written]:
    value = _value(text)
    if isinstance(value, dict) and value:
        return [Written((*path, *below), leaf, origin) for below, leaf in leaves(value)]
    return [Written(path, value, origin, raw=text)]


def _value(text: str) -> object:
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text


def _dotted(key: str) -> tuple[str, ...] | None:
    try:
        ((path, _),) = leaves(tomllib.loads(f"{key} = 0"))
    except (tomllib.TOMLDecodeError, ValueError):
        return None
    return path


def _refuse_single_underscore(name: str, rest: str, sections: Iterable[str]) -> None:
    section, _, key = rest.partition("_")
    if key and section in sections:
        better = f"{PREFIX}{section.upper()}{NESTING}{key.upper()}"
        raise SettingsError(f"environment variable {name} is no setting", fix=f"two underscores: {better}")


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Find the line of each key of a TOML text, as far as it stands on a line of its own."""
    section: tuple[str, ...] = ()
    lines: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = _parts(header[1])
            lines.setdefault(section, number)
        elif key := _KEY.match(line):
            lines.setdefault((*section, *_parts(key[1])), number)
    return lines


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in key.split("."))


def _place(path: Path, keys: tuple[str, ...], lines: Mapping[tuple[str, ...], int]) -> str:
    for size in range(len(keys), 0, -1):
        if keys[:size] in lines:
            return f"{path}, line {lines[keys[:size]]}"
    return str(path)
