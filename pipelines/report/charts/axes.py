"""Draws the axes and chooses the colours of models, the same in every figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.report.charts.svg import line, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markupsafe import Markup

    from pipelines.report.charts.svg import Frame

COLOURED: Final = ("model", "rule", "history", "logistic", "lightgbm_raw", "random", "base_rate")
OTHER: Final = "other"
LABEL_DROP: Final = 16  # pixels from the axis to the baseline of its labels
LETTER_WIDTH: Final = 6.4  # of most letters of a label


def colour_class(model: str) -> str:
    """Return the CSS class of a model's marks."""
    return f"of-{model if model in COLOURED else OTHER}"


def x_axis(frame: Frame, ticks: Iterable[tuple[float, str]], label_y: float | None = None) -> list[Markup]:
    """Return vertical grid lines with labels below; labels that would overlap others are left out."""
    bottom, top = frame.y
    parts, free_from = [], -1e9
    for x, label in ticks:
        parts.append(line((x, top), (x, bottom), "grid"))
        half = LETTER_WIDTH * len(label) / 2
        if x - half > free_from:
            parts.append(text((min(x, frame.width - half), (label_y or bottom) + LABEL_DROP), label))
            free_from = x + half + LETTER_WIDTH
    return parts


def y_axis(frame: Frame, ticks: Iterable[tuple[float, str]]) -> list[Markup]:
    """Return horizontal grid lines with labels on the left."""
    left, right = frame.x
    return [
        part
        for y, label in ticks
        for part in (line((left, y), (right, y), "grid"), text((left - 6, y + 4), label, anchor="end"))
    ]


def spread(places: Iterable[float], gap: float, low: float, high: float) -> list[float]:
    """Move places, in ascending order, apart by at least `gap`, within bounds if they fit."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap if moved else low))
    limit = high
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - gap
    return moved
