"""Failures caught by the model and by every baseline at one budget, each with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.report.charts.axes import across, colour
from pipelines.report.charts.scales import LinearScale
from pipelines.report.charts.svg import Frame, dot, line, picture, words
from pipelines.report.terms import model_name, share, with_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from markupsafe import Markup

    from models.metrics.estimate import Estimate

ROW: Final = 30
HIGHEST: Final = 0.1  # the axis reaches at least so far
DOT: Final = 5.5


def draw(caught: Mapping[str, Estimate], title: str) -> Markup:
    """Draw a row for each model that catches anything that can be told, the best one first."""
    told = {name: figure for name, figure in caught.items() if figure.value is not None}
    ranked = sorted(told, key=lambda name: -(told[name].value or 0.0))
    frame = Frame(380, ROW * len(ranked) + 44, top=8, right=50, bottom=36, left=126)
    top = max([HIGHEST, *(value for one in told.values() for value in (*one.bounds(), one.value) if value is not None)])
    scale = LinearScale(0.0, top, *frame.x)
    parts = across(frame, [(scale(tick), share(tick)) for tick in scale.ticks(5)])
    for at, name in enumerate(ranked):
        parts += _row(told[name], name, scale, frame.top + ROW * (at + 0.5))
    return picture(
        frame, title, "; ".join(f"{model_name(name)}: {with_interval(told[name])}" for name in ranked), parts
    )


def _row(figure: Estimate, name: str, scale: LinearScale, y: float) -> Iterator[Markup]:
    value, (low, high) = figure.value or 0.0, figure.bounds()
    kind = "strong" if name == "model" else "label"
    yield words((scale.start - 12, y + 4), model_name(name), kind, "end")
    if low is not None and high is not None:
        yield line((scale(low), y), (scale(high), y), f"whisker {colour(name)}")
    yield dot((scale(value), y), DOT, f"mark {colour(name)}", f"{model_name(name)}: {with_interval(figure)}")
    yield words((scale.end + 10, y + 4), share(value), kind, "start")
