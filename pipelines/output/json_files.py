"""Writes the JSON that commands give to scripts: a whole file or none, and valid JSON whatever the value."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from data.disk.atomic_write import STDOUT, atomic_file
from data.errors import NodewardError
from data.time_grid import HOUR

if TYPE_CHECKING:
    from dataclasses import Field
    from pathlib import Path

HORIZON: Final = {"json": "horizon_hours", "unit": HOUR}  # metadata of a field that holds a horizon


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, to standard output for '-'; NaN and infinity, which JSON has no number for, are null."""
    text = json.dumps(to_json(value), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    if path == STDOUT:
        sys.stdout.write(text)
        return
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")


def to_json(value: object) -> object:
    """Return dataclasses, errors, times, enums, paths and NumPy scalars as values that JSON has.

    The key of a field is its name, unless its metadata gives another one as 'json', which scripts know it by. A length
    of time is in seconds, unless the metadata of its field gives another one as 'unit'.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.metadata.get("json", field.name): to_json(_in_unit(getattr(value, field.name), field))
            for field in fields(value)
        }
    if isinstance(value, NodewardError):
        return {"what": value.what, "mend": value.fix, "exit_code": value.exit_code}
    if isinstance(value, dict):
        return {str(key): to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(inner) for inner in value]
    return _scalar(value)


def _in_unit(value: object, field: Field[object]) -> object:
    unit = field.metadata.get("unit")
    return value / unit if unit is not None and isinstance(value, timedelta) else value


def _scalar(value: object) -> object:
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value if value is None or isinstance(value, bool | int | str) else str(value)
