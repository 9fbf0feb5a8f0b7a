"""Axes and the colours of models, alike in every figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.report.charts.svg import line, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markupsafe import Markup

    from pipelines.report.charts.svg import Frame

COLOURED: Final = ("model", "rule", "history", "logistic", "lightgbm_raw", "random", "base_rate")
OTHER: Final = "other"
BELOW: Final = 16  # from an axis to the foot of its words
LETTER: Final = 6.4  # the width of most letters of a tick's words


def colour(model: str) -> str:
    """Name the class that a model's marks have in every figure."""
    return f"of-{model if model in COLOURED else OTHER}"


def across(frame: Frame, ticks: Iterable[tuple[float, str]], foot: float | None = None) -> list[Markup]:
    """Draw the grid's upright lines with their words below; words that would run into others are left out."""
    bottom, top = frame.y
    parts, free = [], -1e9
    for x, told in ticks:
        parts.append(line((x, top), (x, bottom), "grid"))
        half = LETTER * len(told) / 2
        if x - half > free:
            parts.append(words((min(x, frame.width - half), (foot or bottom) + BELOW), told))
            free = x + half + LETTER
    return parts


def upwards(frame: Frame, ticks: Iterable[tuple[float, str]]) -> list[Markup]:
    """Draw the grid's level lines with their words on the left."""
    left, right = frame.x
    return [
        part
        for y, told in ticks
        for part in (line((left, y), (right, y), "grid"), words((left - 6, y + 4), told, anchor="end"))
    ]


def spread(places: Iterable[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels, given from the top to the bottom, apart by at least `gap`, within bounds where they fit."""
    told: list[float] = []
    for place in places:
        told.append(max(place, told[-1] + gap if told else low))
    limit = high
    for at in reversed(range(len(told))):
        told[at] = min(told[at], limit)
        limit = told[at] - gap
    return told
