"""Options that take a time; a time without a zone is UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

DATES: Final = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
Until = Annotated[
    datetime | None,
    typer.Option("--until", formats=DATES, metavar="DATE", help="Train on what was known then (UTC); default: now."),
]
At = Annotated[
    datetime | None, typer.Option("--at", formats=DATES, metavar="DATE", help="As of then (UTC); default: now.")
]
TestStart = Annotated[
    datetime,
    typer.Option(
        "--test-start",
        formats=DATES,
        metavar="DATE",
        help="Train on what was known then (UTC); forecast from then on.",
    ),
]
TestEnd = Annotated[
    datetime | None,
    typer.Option(
        "--test-end",
        formats=DATES,
        metavar="DATE",
        help="Evaluate up to then; default: the last midnight by which an event was recorded.",
    ),
]


def utc(moment: datetime | None) -> datetime | None:
    """Return an optional time in UTC."""
    return None if moment is None else in_utc(moment)


def in_utc(moment: datetime) -> datetime:
    """Return a time in UTC; one without a zone is UTC already."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
