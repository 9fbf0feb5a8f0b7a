"""Draws the share of failures caught by the model and by every baseline at one alarm budget, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.output.estimates import with_interval
from pipelines.report.charts.axes import colour_class, x_axis
from pipelines.report.charts.scales import LinearScale
from pipelines.report.charts.svg import Frame, circle, line, picture, text
from pipelines.report.terms import model_name, percentage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from markupsafe import Markup

    from models.metrics.estimate import Estimate

ROW: Final = 30
SMALLEST_RANGE: Final = 0.1  # the axis reaches at least this share
RADIUS: Final = 5.5


def draw(caught: Mapping[str, Estimate], title: str) -> Markup:
    """Draw a row for each model whose share is known, the best one first."""
    shares = {model: share for model, share in caught.items() if share.value is not None}
    ranked = sorted(shares, key=lambda model: -(shares[model].value or 0.0))
    frame = Frame(380, ROW * len(ranked) + 44, top=8, right=50, bottom=36, left=126)
    values = [value for share in shares.values() for value in (*share.bounds(), share.value) if value is not None]
    scale = LinearScale(0.0, max([SMALLEST_RANGE, *values]), *frame.x)
    parts = x_axis(frame, [(scale(tick), percentage(tick)) for tick in scale.ticks(5)])
    for row, model in enumerate(ranked):
        parts += _row(shares[model], model, scale, frame.top + ROW * (row + 0.5))
    return picture(frame, title, "; ".join(_description(shares[model], model) for model in ranked), parts)


def _row(share: Estimate, model: str, scale: LinearScale, y: float) -> Iterator[Markup]:
    value, (low, high) = share.value or 0.0, share.bounds()
    class_ = "strong" if model == "model" else "label"
    yield text((scale.start - 12, y + 4), model_name(model), class_, "end")
    if low is not None and high is not None:
        yield line((scale(low), y), (scale(high), y), f"whisker {colour_class(model)}")
    yield circle((scale(value), y), RADIUS, f"mark {colour_class(model)}", _description(share, model))
    yield text((scale.end + 10, y + 4), percentage(value), class_, "start")


def _description(share: Estimate, model: str) -> str:
    return f"{model_name(model)}: {with_interval(share, percentage)}"
