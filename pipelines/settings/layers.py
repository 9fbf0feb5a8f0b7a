"""Reads the layers that settings are merged from (file, environment, --set); each value keeps where it was written."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from data.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

PREFIX: Final = "NODEWARD_"
NESTING: Final = "__"
DATABASE: Final = "nodeward.db"  # in a state folder
_HEADER: Final = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_KEY: Final = re.compile(r"\s*([^#=\[\]]+?)\s*=")

_EXAMPLE: Final = "section.key=value, for example --set policy.horizon=3d"


class Layer(Enum):
    """Where settings are written, from the one that every other one overrides to the one that overrides all."""

    FILE = auto()
    ENVIRONMENT = auto()
    OPTION = auto()


@dataclass(frozen=True, slots=True)
class WrittenValue:
    """One value, its key, and where it was written."""

    path: tuple[str, ...]
    value: object
    origin: str
    raw: str | None = None  # the text of a value outside TOML, which may have been meant as a plain string
    layer: Layer = Layer.FILE
    tables: tuple[str, ...] = ()  # written before the key on its line of a file: `policy` of `policy.horizon = "1d"`

    def line(self, path: tuple[str, ...], value: str) -> str:
        """Return what to write in the same place for another key of the same table, and a value as TOML."""
        plain = value[1:-1] if value.startswith('"') else value
        if self.layer is Layer.OPTION:
            return f"--set {shlex.quote('.'.join(path) + '=' + plain)}"
        if self.layer is Layer.ENVIRONMENT:
            return f"{PREFIX}{NESTING.join(path).upper()}={shlex.quote(plain)}"
        return f"{'.'.join((*self.tables, path[-1]))} = {value}"


def file_layer(path: Path) -> list[WrittenValue]:
    """Read a TOML file; raise SettingsError if it is missing, unreadable or not TOML."""
    try:
        text = path.read_bytes().decode()
        table = tomllib.loads(text)
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file", fix="name another, or write one: `nodeward init`") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}", fix="make it readable, or name another one") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 at byte {error.start}", fix="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{path}: not TOML: {error}", fix="write strings in quotes and lists in brackets"
        ) from error
    lines = _lines(text)
    return [_written_in_file(path, keys, value, lines) for keys, value in leaves(table)]


def folder_layer(folder: Path) -> list[WrittenValue]:
    """Derive settings from a folder of records; raise SettingsError if it holds no inventory."""
    inventories = {"nodes.parquet": "parquet", "nodes.csv": "csv", "nodes.csv.gz": "csv", "nodes": "csv"}
    kinds = [kind for name, kind in inventories.items() if (folder / name).exists()]
    if not kinds and (folder / DATABASE).exists():
        raise SettingsError(f"{folder}: is a state folder", fix="open the settings file that names it in state.path")
    if not kinds:
        raise SettingsError(
            f"{folder}: holds none of {', '.join(inventories)}",
            fix="name a settings file, or a folder of records that has an inventory",
        )
    values = {
        ("fleet", "name"): folder.resolve().name,
        ("source", "kind"): kinds[0],
        ("source", "path"): str(folder),
        ("state", "path"): str(folder / "var"),
    }
    return [WrittenValue(path, value, str(folder)) for path, value in values.items()]


def environment_layer(environ: Mapping[str, str], sections: Iterable[str]) -> list[WrittenValue]:
    """Read NODEWARD_SECTION__KEY variables; ignore other NODEWARD_ ones, unless they look like misspelt keys."""
    written = []
    for name, text in sorted(environ.items()):
        keys = name.removeprefix(PREFIX).lower().split(NESTING)
        if name.startswith(PREFIX) and len(keys) > 1:
            written += _expand(tuple(keys), text, f"environment variable {name}", Layer.ENVIRONMENT)
        elif name.startswith(PREFIX):
            _refuse_single_underscore(name, keys[0], sections)
    return written


def override_layer(overrides: Sequence[str]) -> list[WrittenValue]:
    """Read --set section.key=value options; the later ones win."""
    written = []
    for option in overrides:
        key, equals, text = option.partition("=")
        path = _parse_key(key.strip())
        if not equals or path is None:
            raise SettingsError(f"--set {option}: not a key and a value", fix=f"write {_EXAMPLE}")
        written += _expand(path, text.strip(), f"--set {key}", Layer.OPTION)
    return written


def leaves(table: Mapping[str, object], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    """Return the values of nested tables with their keys; an empty table is a value."""
    values: list[tuple[tuple[str, ...], object]] = []
    for key, value in table.items():
        if isinstance(value, dict) and value:
            values += leaves(value, (*path, key))
        else:
            values.append(((*path, key), value))
    return values


def merge(written: Iterable[WrittenValue]) -> dict[str, object]:
    """Return one tree of all values; where a key was written twice, the last value wins."""
    tree: dict[str, object] = {}
    for item in written:
        table = tree
        for key in item.path[:-1]:
            inner = table.get(key)
            table[key] = table = inner if isinstance(inner, dict) else {}
        table[item.path[-1]] = item.value
    return tree


def _expand(path: tuple[str, ...], text: str, origin: str, layer: Layer) -> list[WrittenValue]:
    value = _parse_value(text)
    if isinstance(value, dict) and value:
        return [WrittenValue((*path, *keys), leaf, origin, layer=layer) for keys, leaf in leaves(value)]
    return [WrittenValue(path, value, origin, text, layer)]


def _parse_value(text: str) -> object:
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text


def _parse_key(key: str) -> tuple[str, ...] | None:
    try:
        ((path, _),) = leaves(tomllib.loads(f"{key} = 0"))
    except (tomllib.TOMLDecodeError, ValueError):
        return None
    return path


def _refuse_single_underscore(name: str, rest: str, sections: Iterable[str]) -> None:
    section, _, key = rest.partition("_")
    if key and section in sections:
        correct = f"{PREFIX}{section.upper()}{NESTING}{key.upper()}"
        raise SettingsError(f"environment variable {name} is not a setting", fix=f"write two underscores: {correct}")


@dataclass(frozen=True, slots=True)
class _Line:
    """The number of a line of a TOML file, and the tables that it names before its key."""

    number: int
    tables: tuple[str, ...] = ()


def _lines(text: str) -> dict[tuple[str, ...], _Line]:
    """Return the line of each key of a TOML text that is alone on its line."""
    section: tuple[str, ...] = ()
    lines: dict[tuple[str, ...], _Line] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = _split_key(header[1])
            lines.setdefault(section, _Line(number))
        elif match := _KEY.match(line):
            key = _split_key(match[1])
            lines.setdefault((*section, *key), _Line(number, key[:-1]))
    return lines


def _split_key(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in key.split("."))


def _written_in_file(
    path: Path, keys: tuple[str, ...], value: object, lines: Mapping[tuple[str, ...], _Line]
) -> WrittenValue:
    for size in range(len(keys), 0, -1):
        if line := lines.get(keys[:size]):
            tables = line.tables if size == len(keys) else ()
            return WrittenValue(keys, value, f"{path}, line {line.number}", tables=tables)
    return WrittenValue(keys, value, str(path))
