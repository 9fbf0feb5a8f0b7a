"""Cron schedules in UTC: what the settings may say, and the windows that a schedule cuts time into."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from cronsim import CronSim, CronSimError

_NAMES: Final = ("minute", "hour", "day-of-month", "month", "day-of-week")
_VALUE: Final = r"(?:[0-9]{1,2}|[a-z]{3})"
_PART: Final = rf"(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/[0-9]{{1,2}})?"
_FIELD: Final = re.compile(rf"{_PART}(?:,{_PART})*", re.IGNORECASE)
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


def parse_cron(value: object) -> str:
    """Read five fields such as `10 * * * *`, or nothing for 'not scheduled'.

    Only what cron's many dialects agree on is taken: numbers, names, `*`, lists, ranges and steps.

    Raises:
        ValueError: naming the field that is wrong.
    """
    if not isinstance(value, str):
        msg = "should be a cron line such as '10 * * * *', or empty"
        raise ValueError(msg)  # noqa: TRY004  - pydantic tells of ValueErrors
    fields = value.split()
    if fields:
        _check(fields)
    return " ".join(fields)


def _check(fields: list[str]) -> None:
    if len(fields) != len(_NAMES):
        msg = f"should have five fields ({', '.join(_NAMES)}), not {len(fields)}"
        raise ValueError(msg)
    for name, field in zip(_NAMES, fields, strict=True):
        if not _FIELD.fullmatch(field):
            raise ValueError(_wrong(name, field))
    if "*" not in {fields[2], fields[4]}:
        msg = "names both days of the month and days of the week, which crons read differently: leave one at *"
        raise ValueError(msg)
    try:
        CronSim(" ".join(fields), _ANY_TIME)
    except CronSimError as error:
        name = str(error).removeprefix("Bad ")
        raise ValueError(_wrong(name, fields[_NAMES.index(name)])) from None


def _wrong(name: str, field: str) -> str:
    return f"its {name} field can't be {field!r}"
