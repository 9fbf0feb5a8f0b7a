"""The reliability diagram: what happened where so much was forecast, above how often that was forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.report.charts.axes import across, upwards
from pipelines.report.charts.scales import LogarithmicScale
from pipelines.report.charts.svg import Frame, Point, box, dot, el, line, picture, polyline, words
from pipelines.report.terms import share, with_interval
from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

    from models.evaluation.reliability_diagram import ReliabilityBin

FRAME: Final = Frame(380, 460, top=28, right=16, bottom=140, left=54)
FOOT: Final = 44
COUNTS: Final = 60  # the height of the strip of counts
MARGIN: Final = 1.5
LOWEST: Final = 1e-5
BAR: Final = 9


def draw(bins: Sequence[ReliabilityBin], title: str) -> Markup:
    """Draw a mark and an interval for each bin; one without a failure hangs on the lower edge."""
    low, high = _ends(bins)
    x, y = LogarithmicScale(low, high, *FRAME.x), LogarithmicScale(low, high, *FRAME.y)
    foot, middle = FRAME.height - FOOT, (FRAME.x[0] + FRAME.x[1]) / 2
    parts = [
        *upwards(FRAME, [(y(tick), share(tick)) for tick in y.ticks(9)]),
        *across(FRAME, [(x(tick), share(tick)) for tick in x.ticks(9)], foot),
        line((x(low), y(low)), (x(high), y(high)), "diagonal"),
        polyline([(x(one.forecast), y(one.observed.value or low)) for one in bins], "curve of-model"),
        *(part for one in bins for part in _bin(one, x, y)),
        *_counts(bins, x, foot),
        words((0, 12), "share that failed", "axis", "start"),
        words((middle, FRAME.height - 8), "forecast probability", "axis"),
    ]
    return picture(FRAME, title, "; ".join(_told(one) for one in bins), parts)


def _ends(bins: Sequence[ReliabilityBin]) -> tuple[float, float]:
    told = [one.forecast for one in bins] + [one.observed.value or 0.0 for one in bins]
    told += [bound for one in bins for bound in one.observed.bounds() if bound is not None]
    known = [value for value in told if value > LOWEST]
    return max(min(known, default=0.01) / MARGIN, LOWEST), min(max(known, default=0.5) * MARGIN, 1.0)


def _told(one: ReliabilityBin) -> str:
    return f"forecast {share(one.forecast)}, failed {with_interval(one.observed)} of {pluralize(one.rows, 'forecast')}"


def _bin(one: ReliabilityBin, x: LogarithmicScale, y: LogarithmicScale) -> Iterator[Markup]:
    at, (low, high) = x(one.forecast), one.observed.bounds()
    if low is not None and high is not None:
        yield line((at, y(low)), (at, y(high)), "whisker of-model")
    place: Point = (at, y(one.observed.value or y.low))
    yield dot(place, 4.5, "mark of-model" if one.failing else "hollow of-model", _told(one))
    yield el("circle", el("title", _told(one)), cx=place[0], cy=place[1], r=12, class_="target")


def _counts(bins: Sequence[ReliabilityBin], x: LogarithmicScale, foot: float) -> Iterator[Markup]:
    """Draw how many forecasts each bin holds, on a logarithmic scale."""
    most = max((one.rows for one in bins), default=1)
    height = LogarithmicScale(0.5, float(max(most, 2)), 0.0, float(COUNTS))
    yield words((x.start, foot - COUNTS - 10), f"forecasts a bin, at most {most:,}", "axis", "start")
    for one in bins:
        at = x(one.forecast)
        yield box((at - BAR / 2, foot - height(one.rows)), (at + BAR / 2, foot), "bar of-model", _told(one))
