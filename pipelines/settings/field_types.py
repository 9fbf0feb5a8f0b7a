"""The types of settings: how each is written, checked and bounded."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from data.durations import format_duration, parse_duration
from data.time_grid import DAY, MICROSECOND
from pipelines.settings.cron import parse_cron

Ordered = TypeVar("Ordered", int, float, timedelta)

NOT_A_DURATION: Final = "not_a_duration"  # types of pydantic's errors
NOT_ALIGNED: Final = "not_aligned_with_days"
ROUND_LENGTHS: Final = tuple(
    count * timedelta(**{unit: 1})
    for unit, whole in (("hours", 24), ("minutes", 60), ("seconds", 60))
    for count in range(whole - 1, 0, -1)
    if whole % count == 0
)
LONGEST_DURATION: Final = timedelta(days=36_525)  # a century; a time minus much more than that is no valid date


def ascending(values: tuple[Ordered, ...]) -> tuple[Ordered, ...]:
    """Return the values if each is above the one before it, or else raise ValueError."""
    if list(values) != sorted(set(values)):
        msg = "should rise from each to the next"
        raise ValueError(msg)
    return values


def aligned_with_days(width: timedelta) -> timedelta:
    """Return a width if it divides a day or is whole days, or else raise an error that pydantic reports."""
    if DAY % width and width % DAY:
        raise PydanticCustomError(NOT_ALIGNED, "should divide a day, as 1h, 6h and 15m do, or be whole days")
    return width


def round_length(limit: timedelta, step: timedelta = MICROSECOND) -> timedelta | None:
    """Return the longest time up to a limit that people use to divide days, such as 6h or 15m, or that is whole days.

    It is a multiple of a step, where one is given; None if there is no such time.
    """
    whole_days = max(limit // DAY, 1) * DAY
    return next((length for length in (whole_days, *ROUND_LENGTHS) if length <= limit and not length % step), None)


def _duration(value: object) -> timedelta:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise PydanticCustomError(NOT_A_DURATION, "{why}", {"why": str(error)}) from None


def _not_too_long(value: timedelta) -> timedelta:
    if value > LONGEST_DURATION:
        msg = f"should be at most {LONGEST_DURATION.days}d"
        raise ValueError(msg)
    return value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        msg = "should be longer than 0s"
        raise ValueError(msg)
    return value


def _time_format(value: str) -> str:
    if value not in {"iso", "s", "ms"} and "%" not in value:
        msg = 'should be "iso", "s", "ms" or a format such as "%d/%m/%Y %H:%M:%S"'
        raise ValueError(msg)
    return value


def _zone(value: str) -> str:
    if value and value not in available_timezones():
        msg = 'should be a time zone such as "UTC" or "Europe/Rome"'
        raise ValueError(msg)
    return value


def _path(value: object) -> object:
    if not isinstance(value, str | Path) or not str(value):
        msg = "should be a path"
        raise ValueError(msg)
    return Path(value).expanduser()


def _node_pattern(value: str) -> str:
    try:
        pattern = re.compile(value)
    except re.error as error:
        msg = f"should be a regular expression ({error})"
        raise ValueError(msg) from None
    if "node" not in pattern.groupindex:
        msg = "should have a group that is the node's name: (?P<node>.+)"
        raise ValueError(msg)
    return value


Duration = Annotated[
    timedelta, BeforeValidator(_duration), AfterValidator(_not_too_long), PlainSerializer(format_duration)
]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
DurationOrEmpty = Annotated[
    PositiveDuration | None,
    BeforeValidator(lambda value: None if value == "" else _duration(value)),
    PlainSerializer(lambda value: "" if value is None else format_duration(value)),
]
Folder = Annotated[Path, BeforeValidator(_path), PlainSerializer(str)]
Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(strict=True, ge=0)]
PositiveCount = Annotated[int, Field(strict=True, ge=1)]
Amount = Annotated[float, Field(strict=True, ge=0)]
PositiveAmount = Annotated[float, Field(strict=True, gt=0)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
PositiveShare = Annotated[float, Field(strict=True, gt=0, le=1)]
Cron = Annotated[str, BeforeValidator(parse_cron)]
Sampling = Literal["sampled", "on_change"]
TimeFormat = Annotated[str, AfterValidator(_time_format)]
Zone = Annotated[str, AfterValidator(_zone)]
NodePattern = Annotated[str, AfterValidator(_node_pattern)]
SmartNumber = Annotated[int, Field(strict=True, ge=1, le=255)]
