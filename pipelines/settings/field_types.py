"""The types of settings: how each is written, checked and bounded."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from data.durations import format_duration, parse_duration
from pipelines.settings.cron import parse_cron

Ordered = TypeVar("Ordered", int, float, timedelta)

LONGEST_DURATION: Final = timedelta(days=36_525)  # a century; a time minus much more than that is no valid date


def ascending(values: tuple[Ordered, ...]) -> tuple[Ordered, ...]:
    """Return the values if each is above the one before it, or else raise ValueError."""
    if list(values) != sorted(set(values)):
        msg = "should rise from each to the next"
        raise ValueError(msg)
    return values


def aligned_with_days(width: timedelta) -> timedelta:
    """Return a width if it divides a day or is whole days, or else raise ValueError."""
    if timedelta(days=1) % width and width % timedelta(days=1):
        msg = "should divide a day, as 1h, 6h and 15m do, or be whole days"
        raise ValueError(msg)
    return width


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
    timedelta, BeforeValidator(parse_duration), AfterValidator(_not_too_long), PlainSerializer(format_duration)
]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
DurationOrForever = Annotated[
    PositiveDuration | None,
    BeforeValidator(lambda value: None if value == "" else parse_duration(value)),
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
