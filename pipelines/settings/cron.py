"""Checks cron schedules, so that a wrong one is refused when the settings are read and not by the scheduler."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from cronsim import CronSim, CronSimError

_FIELD_NAMES: Final = ("minute", "hour", "day-of-month", "month", "day-of-week")
_VALUE: Final = r"(?:[0-9]{1,2}|[a-z]{3})"
_PART: Final = rf"(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/[0-9]{{1,2}})?"
_FIELD: Final = re.compile(rf"{_PART}(?:,{_PART})*", re.IGNORECASE)
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


def parse_cron(value: object) -> str:
    """Return five fields such as `10 * * * *`, separated by single spaces; empty for 'not scheduled'.

    Only what all cron dialects agree on is accepted: numbers, names, `*`, lists, ranges and steps.

    Raises:
        ValueError: if a field is wrong; the message names it.
    """
    if not isinstance(value, str):
        msg = "should be a cron line such as '10 * * * *', or empty"
        raise ValueError(msg)  # noqa: TRY004  - pydantic reports only ValueErrors
    fields = value.split()
    if fields:
        _check(fields)
    return " ".join(fields)


def _check(fields: list[str]) -> None:
    if len(fields) != len(_FIELD_NAMES):
        msg = f"should have five fields ({', '.join(_FIELD_NAMES)}), not {len(fields)}"
        raise ValueError(msg)
    for name, field in zip(_FIELD_NAMES, fields, strict=True):
        if not _FIELD.fullmatch(field):
            raise ValueError(_wrong_field(name, field))
    if "*" not in {fields[2], fields[4]}:
        msg = "names both days of the month and days of the week, which crons read differently: leave one at *"
        raise ValueError(msg)
    try:
        CronSim(" ".join(fields), _ANY_TIME)
    except CronSimError as error:
        name = str(error).removeprefix("Bad ")
        raise ValueError(_wrong_field(name, fields[_FIELD_NAMES.index(name)])) from None


def _wrong_field(name: str, field: str) -> str:
    return f"its {name} field can't be {field!r}"
