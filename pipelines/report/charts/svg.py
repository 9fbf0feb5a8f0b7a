"""SVG as text: elements whose words are escaped, since the names of nodes and metrics are anybody's."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Point = tuple[float, float]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture's size, and the margins around its plot, in pixels at a scale of 1."""

    width: float
    height: float
    top: float = 10
    right: float = 10
    bottom: float = 30
    left: float = 44

    @property
    def x(self) -> tuple[float, float]:
        """Give where the plot begins and ends from left to right."""
        return self.left, self.width - self.right

    @property
    def y(self) -> tuple[float, float]:
        """Give where the plot begins and ends from bottom to top."""
        return self.height - self.bottom, self.top


def el(name: str, *children: str, **attributes: object) -> Markup:
    """Write an element; `class_` stands for class, an underscore for a hyphen, None for no attribute."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(escape(child) for child in children)
    return Markup(f"<{name}{told}>{inner}</{name}>" if inner else f"<{name}{told}/>")  # noqa: S704  - all parts are escaped


def picture(frame: Frame, title: str, description: str, parts: Iterable[str]) -> Markup:
    """Write a whole picture, with words for those who can't see it."""
    return el(
        "svg",
        el("title", title),
        el("desc", description),
        *parts,
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        role="img",
        aria_label=title,
    )


def words(at: Point, told: str, kind: str = "tick", anchor: str = "middle") -> Markup:
    """Write text at a point; `kind` is its class."""
    return el("text", told, x=at[0], y=at[1], class_=kind, text_anchor=anchor)


def line(start: Point, end: Point, kind: str) -> Markup:
    """Draw a straight line."""
    return el("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=kind)


def box(start: Point, end: Point, kind: str, tip: str = "", least: float = 0) -> Markup:
    """Draw a rectangle between two corners, at least so wide, with words to hover for."""
    (left, right), (top, bottom) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    tips = [el("title", tip)] if tip else []
    return el("rect", *tips, x=left, y=top, width=max(right - left, least), height=bottom - top, class_=kind)


def dot(at: Point, radius: float, kind: str, tip: str = "") -> Markup:
    """Draw a circle with words to hover for."""
    return el("circle", *([el("title", tip)] if tip else []), cx=at[0], cy=at[1], r=radius, class_=kind)


def polyline(points: Sequence[Point], kind: str) -> Markup:
    """Draw a line through points; where one is missing (NaN) the line breaks."""
    told = path(points)
    return el("path", d=told, class_=kind) if told else Markup()


def band(lower: Sequence[Point], upper: Sequence[Point], kind: str) -> Markup:
    """Fill between two lines over the same places, wherever both are there."""
    outlines = (
        [*(low for low, _ in run), *(high for _, high in reversed(run))]
        for run in _runs(list(zip(lower, upper, strict=True)))
    )
    told = " ".join(f"M{_along(outline)}Z" for outline in outlines)
    return el("path", d=told, class_=kind) if told else Markup()


def path(points: Sequence[Point]) -> str:
    """Write the commands of a line through points; a point alone between gaps is drawn as a dot."""
    return " ".join(f"M{_along(run if len(run) > 1 else run * 2)}" for run in _runs(points))


def steps(points: Sequence[Point]) -> list[Point]:
    """Turn points into stairs: each height holds until the next place."""
    told: list[Point] = []
    for (x, y), (later, _) in pairwise(points):
        told += [(x, y), (later, y)]
    return [*told, points[-1]] if points else []


def _along(points: Sequence[Point]) -> str:
    return "L".join(f"{_plain(float(x))} {_plain(float(y))}" for x, y in points)


def _runs(items: Iterable[Item]) -> list[list[Item]]:
    """Part points, or pairs of them, where a number is missing."""
    return [
        list(run)
        for is_there, run in groupby(items, lambda item: bool(np.isfinite(np.asarray(item)).all()))
        if is_there
    ]


def _plain(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
