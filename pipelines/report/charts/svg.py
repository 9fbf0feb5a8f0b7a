"""Builds SVG as text: all text is escaped, since the names of nodes and metrics come from outside."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Point = tuple[float, float]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture's size and the margins around its plot, in pixels at a scale of 1."""

    width: float
    height: float
    top: float = 10
    right: float = 10
    bottom: float = 30
    left: float = 44

    @property
    def x(self) -> tuple[float, float]:
        """The left and the right edge of the plot."""
        return self.left, self.width - self.right

    @property
    def y(self) -> tuple[float, float]:
        """The bottom and the top edge of the plot."""
        return self.height - self.bottom, self.top


def element(name: str, *children: str, **attributes: object) -> Markup:
    """Return an element; `class_` stands for class, an underscore for a hyphen, None for no attribute."""
    attribute_text = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(escape(child) for child in children)
    return Markup(  # noqa: S704  - all parts are escaped
        f"<{name}{attribute_text}>{inner}</{name}>" if inner else f"<{name}{attribute_text}/>"
    )


def picture(frame: Frame, title: str, description: str, parts: Iterable[str]) -> Markup:
    """Return a whole picture, with a title and a description for people who can't see it."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *parts,
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        role="img",
        aria_label=title,
    )


def text(point: Point, content: str, class_: str = "tick", anchor: str = "middle") -> Markup:
    """Return text at a point."""
    return element("text", content, x=point[0], y=point[1], class_=class_, text_anchor=anchor)


def line(start: Point, end: Point, class_: str) -> Markup:
    """Return a straight line."""
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=class_)


def rectangle(start: Point, end: Point, class_: str, tip: str = "", min_width: float = 0) -> Markup:
    """Return a rectangle between two corners, with a text that is shown on hover."""
    (left, right), (top, bottom) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    tips = [element("title", tip)] if tip else []
    width = max(right - left, min_width)
    return element("rect", *tips, x=left, y=top, width=width, height=bottom - top, class_=class_)


def circle(center: Point, radius: float, class_: str, tip: str = "") -> Markup:
    """Return a circle, with a text that is shown on hover."""
    tips = [element("title", tip)] if tip else []
    return element("circle", *tips, cx=center[0], cy=center[1], r=radius, class_=class_)


def polyline(points: Sequence[Point], class_: str) -> Markup:
    """Return a line through points; it is interrupted where a point is missing (NaN)."""
    commands = path_commands(points)
    return element("path", d=commands, class_=class_) if commands else Markup()


def band(lower: Sequence[Point], upper: Sequence[Point], class_: str) -> Markup:
    """Return the area between two lines over the same places, wherever both have a value."""
    outlines = (
        [*(low for low, _ in run), *(high for _, high in reversed(run))]
        for run in _runs(list(zip(lower, upper, strict=True)))
    )
    commands = " ".join(f"M{_coordinates(outline)}Z" for outline in outlines)
    return element("path", d=commands, class_=class_) if commands else Markup()


def path_commands(points: Sequence[Point]) -> str:
    """Return the path commands of a line through points; a single point between gaps becomes a dot."""
    return " ".join(f"M{_coordinates(run if len(run) > 1 else run * 2)}" for run in _runs(points))


def _coordinates(points: Sequence[Point]) -> str:
    return "L".join(f"{_number_text(float(x))} {_number_text(float(y))}" for x, y in points)


def _runs(items: Iterable[Item]) -> list[list[Item]]:
    """Split points, or pairs of them, into runs without a missing number."""
    return [
        list(run)
        for is_complete, run in groupby(items, lambda item: bool(np.isfinite(np.asarray(item)).all()))
        if is_complete
    ]


def _number_text(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
