"""Messages about wrong settings: each names the key, the value, where it was written, and how to correct it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

from data.durations import format_duration
from data.errors import SettingsError
from data.redaction import redact
from pipelines.settings.schema import Settings
from pipelines.settings.suggestions import Key, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from pipelines.settings.layers import WrittenValue

_LONGEST_VALUE: Final = 80
_NOT_A_TABLE: Final = ("model_type", "dict_type", "model_attributes_type")  # pydantic's error types


def explain(error: ValidationError, written: Sequence[WrittenValue]) -> SettingsError:
    """Return one error that lists everything that is wrong, each problem with its own fix."""
    problems = [_problem(detail, written) for detail in _causes(error.errors())]
    *earlier, (last_problem, last_fix) = problems
    lines = [f"{problem}\n  → {fix}\n" for problem, fix in earlier]
    return SettingsError("".join(lines) + last_problem, fix=last_fix)


def wrong_value(path: Key, value: object, why: str, written: Sequence[WrittenValue]) -> str:
    """Return a message that a value is wrong, with the place where it was written."""
    return f"{'.'.join(path)} = {shown(value)} ({origin_of(path, written)}): {why}"


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


def _problem(detail: ErrorDetails, written: Sequence[WrittenValue]) -> tuple[str, str]:
    path = tuple(str(part) for part in detail["loc"] if part != "[key]")
    if detail["type"] == "extra_forbidden":
        return wrong_value(path, detail["input"], "unknown key", written), suggest(Settings, path)
    return wrong_value(path, detail["input"], _why(detail), written), _fix(path)


def _why(detail: ErrorDetails) -> str:
    if detail["type"] in _NOT_A_TABLE:
        return "should be a table"
    if detail["type"] == "too_short":
        return f"should hold at least {detail['ctx']['min_length']}"
    if detail["type"] == "string_too_short":
        return "should not be empty"
    return detail["msg"].removeprefix("Value error, ").removeprefix("Input ")


def _fix(path: Key) -> str:
    default: object = Settings()
    for part in path:
        default = getattr(default, part, None)
    has_none = default in (None, "", ()) or isinstance(default, BaseModel)
    return "correct it" if has_none else f"correct it, or leave it out for {shown(default)}"
