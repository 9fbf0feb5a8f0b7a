"""Draws the reliability diagram: the observed share of failures by forecast, above the number of forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.output.estimates import with_interval
from pipelines.report.charts.axes import x_axis, y_axis
from pipelines.report.charts.scales import LogarithmicScale
from pipelines.report.charts.svg import Frame, Point, circle, element, line, picture, polyline, rectangle, text
from pipelines.report.terms import percentage
from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

    from models.evaluation.reliability_diagram import ReliabilityBin

FRAME: Final = Frame(380, 460, top=28, right=16, bottom=140, left=54)
FOOT: Final = 44
COUNTS_HEIGHT: Final = 60  # of the strip with the numbers of forecasts
MARGIN: Final = 1.5
LOWEST: Final = 1e-5
BAR_WIDTH: Final = 9


def draw(bins: Sequence[ReliabilityBin], title: str) -> Markup:
    """Draw a mark and an interval for each bin; a bin without a failure is on the lower edge."""
    low, high = _range(bins)
    x, y = LogarithmicScale(low, high, *FRAME.x), LogarithmicScale(low, high, *FRAME.y)
    foot, middle = FRAME.height - FOOT, (FRAME.x[0] + FRAME.x[1]) / 2
    parts = [
        *y_axis(FRAME, [(y(tick), percentage(tick)) for tick in y.ticks(9)]),
        *x_axis(FRAME, [(x(tick), percentage(tick)) for tick in x.ticks(9)], foot),
        line((x(low), y(low)), (x(high), y(high)), "diagonal"),
        polyline([(x(bin_.forecast), y(bin_.observed.value or low)) for bin_ in bins], "curve of-model"),
        *(part for bin_ in bins for part in _mark(bin_, x, y)),
        *_counts(bins, x, foot),
        text((0, 12), "share that failed", "axis", "start"),
        text((middle, FRAME.height - 8), "forecast probability", "axis"),
    ]
    return picture(FRAME, title, "; ".join(_description(bin_) for bin_ in bins), parts)


def _range(bins: Sequence[ReliabilityBin]) -> tuple[float, float]:
    values = [bin_.forecast for bin_ in bins] + [bin_.observed.value or 0.0 for bin_ in bins]
    values += [bound for bin_ in bins for bound in bin_.observed.bounds() if bound is not None]
    shown = [value for value in values if value > LOWEST]
    return max(min(shown, default=0.01) / MARGIN, LOWEST), min(max(shown, default=0.5) * MARGIN, 1.0)


def _description(bin_: ReliabilityBin) -> str:
    observed = with_interval(bin_.observed, percentage)
    return f"forecast {percentage(bin_.forecast)}, failed {observed} of {pluralize(bin_.rows, 'forecast')}"


def _mark(bin_: ReliabilityBin, x: LogarithmicScale, y: LogarithmicScale) -> Iterator[Markup]:
    place, (low, high) = x(bin_.forecast), bin_.observed.bounds()
    if low is not None and high is not None:
        yield line((place, y(low)), (place, y(high)), "whisker of-model")
    center: Point = (place, y(bin_.observed.value or y.low))
    yield circle(center, 4.5, "mark of-model" if bin_.failing else "hollow of-model", _description(bin_))
    yield element("circle", element("title", _description(bin_)), cx=center[0], cy=center[1], r=12, class_="target")


def _counts(bins: Sequence[ReliabilityBin], x: LogarithmicScale, foot: float) -> Iterator[Markup]:
    """Draw how many forecasts each bin holds, on a logarithmic scale."""
    most = max((bin_.rows for bin_ in bins), default=1)
    height = LogarithmicScale(0.5, float(max(most, 2)), 0.0, float(COUNTS_HEIGHT))
    yield text((x.start, foot - COUNTS_HEIGHT - 10), f"forecasts per bin (largest: {most:,})", "axis", "start")
    for bin_ in bins:
        place, half = x(bin_.forecast), BAR_WIDTH / 2
        top = foot - height(bin_.rows)
        yield rectangle((place - half, top), (place + half, foot), "bar of-model", _description(bin_))
