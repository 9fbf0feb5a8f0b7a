"""Messages about wrong settings: each names the key, the value, where it was written, and how to correct it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

from data.durations import format_duration, parse_duration
from data.errors import SettingsError
from data.redaction import redact
from pipelines.settings.field_types import NOT_A_DURATION, NOT_ALIGNED, round_length
from pipelines.settings.schema import Settings
from pipelines.settings.suggestions import Key, suggest
from pipelines.settings.written_lengths import OLD_KEYS, as_toml, interpret

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from pipelines.settings.layers import WrittenValue

_LONGEST_VALUE: Final = 80
_NOT_A_TABLE: Final = ("model_type", "dict_type", "model_attributes_type")  # pydantic's error types


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a value, and how to correct it."""

    what: str
    fix: str


def explain(error: ValidationError, written: Sequence[WrittenValue]) -> SettingsError:
    """Return one error that lists everything that is wrong, each problem with its own fix."""
    problems = [problem for detail in _causes(error.errors()) for problem in _problems(detail, written)]
    return combine(list(dict.fromkeys(problems)))  # a list of which several values are wrong is one problem


def combine(problems: Sequence[Problem]) -> SettingsError:
    """Return one error for all problems, of which there is at least one."""
    *earlier, last = problems
    lines = [f"{problem.what}\n  → {problem.fix}\n" for problem in earlier]
    return SettingsError("".join(lines) + last.what, fix=last.fix)


def wrong_value(path: Key, value: object, why: str, written: Sequence[WrittenValue]) -> str:
    """Return a message that a value is wrong, with the place where it was written."""
    return f"{'.'.join(path)} = {shown(value)} ({origin_of(path, written)}): {why}"


def line_to_write(path: Key, value: timedelta | tuple[timedelta, ...], written: Sequence[WrittenValue]) -> str:
    """Return the line that sets a key, in the place where it was written last; one not written belongs to a file."""
    item = next((item for item in reversed(written) if item.path == path), None)
    if item is None:
        return f"{path[-1]} = {as_toml(value)} in [{'.'.join(path[:-1])}]"
    return item.line(path, as_toml(value))


def origin_of(path: Key, written: Sequence[WrittenValue]) -> str:
    """Return the place that a key's value came from: the last one written wins."""
    for item in reversed(written):
        size = min(len(item.path), len(path))
        if item.path[:size] == path[:size]:
            return item.origin
    return "default"


def shown(value: object) -> str:
    """Return a value as text, much as TOML would write it, shortened and without passwords."""
    if isinstance(value, str | Path):
        text = f'"{redact(str(value))}"'
    elif isinstance(value, timedelta):
        text = f'"{format_duration(value)}"'
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(map(shown, value))}]"
    else:
        text = value.isoformat() if isinstance(value, date) else redact(str(value))
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _causes(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out lists that count as too short only because some of their values are wrong."""
    wrong_lists = {detail["loc"][:-1] for detail in details}
    return [detail for detail in details if detail["type"] != "too_short" or detail["loc"] not in wrong_lists]


def _problems(detail: ErrorDetails, written: Sequence[WrittenValue]) -> Iterator[Problem]:
    path = tuple(str(part) for part in detail["loc"] if part != "[key]")
    if path in OLD_KEYS and (items := [item for item in written if item.path == path]):
        yield from map(_old_key, items)
    elif detail["type"] == NOT_A_DURATION:
        yield _not_a_duration(path, detail, written)
    elif detail["type"] == NOT_ALIGNED:
        yield _not_aligned(path, detail, written)
    elif detail["type"] == "extra_forbidden":
        yield Problem(wrong_value(path, detail["input"], "unknown key", written), suggest(Settings, path))
    else:
        yield Problem(wrong_value(path, detail["input"], _why(detail), written), _fix(path))


def _not_aligned(path: Key, detail: ErrorDetails, written: Sequence[WrittenValue]) -> Problem:
    aligned = round_length(parse_duration(detail["input"]))
    fix = _fix(path) if aligned is None else f"write {line_to_write(path, aligned, written)}"
    return Problem(wrong_value(path, detail["input"], _why(detail), written), fix)


def _not_a_duration(path: Key, detail: ErrorDetails, written: Sequence[WrittenValue]) -> Problem:
    """Return the line to write instead, for a whole list where one of its values is wrong."""
    is_in_list = isinstance(detail["loc"][-1], int)
    key = path[:-1] if is_in_list else path
    value = next((item.value for item in reversed(written) if item.path == key), detail["input"])
    lengths = interpret(key, value)
    why = "each should be a duration such as 36h, 1d or 90m" if is_in_list else _why(detail)
    fix = _fix(key) if lengths is None else f"write {line_to_write(key, lengths, written)}"
    return Problem(wrong_value(key, value, why, written), fix)


def _old_key(item: WrittenValue) -> Problem:
    """Return the line that replaces a key of a development version."""
    key, _ = OLD_KEYS[item.path]
    what = wrong_value(item.path, item.value, f"is now {'.'.join(key)}, a duration with a unit", [item])
    lengths = interpret(key, item.value)
    if lengths is None:
        return Problem(what, f"give it a unit, for example {item.line(key, shown(_default(key)))}")
    return Problem(what, f"write {item.line(key, as_toml(lengths))}")


def _why(detail: ErrorDetails) -> str:
    if detail["type"] in _NOT_A_TABLE:
        return "should be a table"
    if detail["type"] == "too_short":
        return f"should hold at least {detail['ctx']['min_length']}"
    if detail["type"] == "string_too_short":
        return "should not be empty"
    return detail["msg"].removeprefix("Value error, ").removeprefix("Input ")


def _fix(path: Key) -> str:
    default = _default(path)
    has_none = default in (None, "", ()) or isinstance(default, BaseModel)
    return "correct it" if has_none else f"correct it, or leave it out for {shown(default)}"


def _default(path: Key) -> object:
    default: object = Settings()
    for part in path:
        default = getattr(default, part, None)
    return default
