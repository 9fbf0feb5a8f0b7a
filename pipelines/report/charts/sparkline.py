"""Draws small pictures of one node: a metric with its fleet, or its probability and its alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.report.charts.axes import LETTER_WIDTH
from pipelines.report.charts.scales import LinearScale, LogarithmicScale, TimeScale, time_name
from pipelines.report.charts.svg import Frame, band, circle, line, picture, polyline, rectangle, text
from pipelines.report.charts.timeline import alarm_bar
from pipelines.report.terms import percentage, typeset
from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

    from features.grid import Array, Times
    from pipelines.report.charts.svg import Point
    from pipelines.report.values.metric_traces import Trace
    from pipelines.report.values.mistakes import Mistake, RiskCurve

FRAME: Final = Frame(320, 116, top=8, right=10, bottom=22, left=48)
NO_VALUE: Final = "no value from this node"
LOWEST_RISK: Final = 1e-4
HEADROOM: Final = 0.06  # above and below, of the height
ALARM_HEIGHT: Final = 5
LONGEST_STEP: Final = 1.5  # of the shortest: times further apart have others between them


def draw_trace(trace: Trace, mistake: Mistake, title: str) -> Markup:
    """Draw a metric of the node over the band that holds 80% of the fleet."""
    x = TimeScale(mistake.start, mistake.end, *FRAME.x)
    low, high = _range(np.concatenate([trace.value, trace.low, trace.high]))
    y = LinearScale(low, high, *FRAME.y)
    places = [x(time) for time in trace.times]

    def points(values: Array) -> list[Point]:
        return list(zip(places, (y(value) for value in values.tolist()), strict=True))

    of_node = points(trace.value)
    parts = [
        *_background(mistake, x, [(y(tick), typeset(tick)) for tick in y.ticks(3)]),
        *([] if np.isfinite(trace.value).any() else [text((sum(FRAME.x) / 2, FRAME.top + 12), NO_VALUE, "label")]),
        band(points(trace.low), points(trace.high), "band fleet"),
        polyline(points(trace.middle), "median"),
        polyline(of_node, "curve of-model"),
        *(
            circle(point, 1.8, "mark of-model", f"{time_name(time)}: {typeset(value)} {trace.unit}")
            for point, time, value in zip(of_node, trace.times, trace.value.tolist(), strict=True)
            if np.isfinite(value)
        ),
    ]
    return picture(FRAME, title, _trace_description(trace), parts)


def draw_risk(mistake: Mistake, title: str) -> Markup:
    """Draw the node's probability as it was forecast, its alarms, and the lowest probabilities that began one."""
    x, risk = TimeScale(mistake.start, mistake.end, *FRAME.x), mistake.risk
    shown_values = np.concatenate([risk.probability, risk.lowest_alarmed[np.isfinite(risk.lowest_alarmed)]])
    low = max(float(shown_values.min(initial=1.0)) / 1.6, LOWEST_RISK)
    y = LogarithmicScale(low, max(min(float(shown_values.max(initial=0.0)) * 1.6, 1.0), 4 * low), *FRAME.y)
    places, bottom = [x(time) for time in risk.times], FRAME.y[0]
    of_node = [(place, y(value)) for place, value in zip(places, risk.probability.tolist(), strict=True)]
    lowest = zip(places, risk.lowest_alarmed.tolist(), strict=True)
    parts = [
        *_background(mistake, x, [(y(tick), percentage(tick)) for tick in y.ticks(4)]),
        *(alarm_bar(alarm, x, (bottom - ALARM_HEIGHT, bottom)) for alarm in risk.alarms),
        *(circle((place, y(value)), 1.8, "lowest") for place, value in lowest if np.isfinite(value)),
        polyline(_interrupted(of_node, risk.times), "curve of-model"),
        *(
            circle(
                point,
                3 if is_alarmed else 1.8,
                "mark alarmed" if is_alarmed else "mark of-model",
                f"{time_name(time)}: {percentage(value)}{', an alarm' if is_alarmed else ''}",
            )
            for point, time, value, is_alarmed in zip(
                of_node, risk.times, risk.probability.tolist(), risk.is_alarmed.tolist(), strict=True
            )
        ),
    ]
    return picture(FRAME, title, _risk_description(risk), parts)


def _interrupted(points: list[Point], times: Times) -> list[Point]:
    """Return points with a gap wherever a node was not scored: where times are further apart than usual."""
    steps = np.diff(times)
    if not len(steps):
        return points
    is_gap = np.append(steps > LONGEST_STEP * steps.min(), False)
    gap = (np.nan, np.nan)
    return [part for point, ends in zip(points, is_gap, strict=True) for part in ((point, gap) if ends else (point,))]


def _risk_description(risk: RiskCurve) -> str:
    most = percentage(float(risk.probability.max(initial=0.0)))
    return f"at most {most}; {pluralize(len(risk.alarms), 'alarm')}"


def _trace_description(trace: Trace) -> str:
    positions = np.flatnonzero(np.isfinite(trace.value))
    if not len(positions):
        return NO_VALUE
    first, last = positions[0], positions[-1]
    return (
        f"from {typeset(float(trace.value[first]))} to {typeset(float(trace.value[last]))} {trace.unit}; "
        f"the fleet's median at the end: {typeset(float(trace.middle[last]))}"
    )


def _background(mistake: Mistake, x: TimeScale, levels: list[tuple[float, str]]) -> Iterator[Markup]:
    """Draw the grid, the node's downtime, maintenance and failures, and the dates."""
    bottom, top = FRAME.y
    for y, label in levels:
        yield line((x.start, y), (x.end, y), "grid")
        yield text((x.start - 6, y + 4), label, anchor="end")
    for start, end in zip(mistake.maintenance.start, mistake.maintenance.end, strict=True):
        yield rectangle((x(start), bottom), (x(end), top), "maintenance", min_width=1)
    for start, end in zip(mistake.repairs.start, mistake.repairs.end, strict=True):
        yield rectangle((x(start), bottom), (x(end), top), "downtime", min_width=1)
    for time in mistake.failures:
        yield line((x(time), top), (x(time), bottom), "failure-line")
    if not mistake.is_miss:
        yield line((x(mistake.moment), top), (x(mistake.moment), bottom), "cursor")
    yield from _dates(mistake, x)


def _dates(mistake: Mistake, x: TimeScale) -> Iterator[Markup]:
    """Draw the date of the mistake, and those of the edges where they do not overlap it."""
    name, y = x.name(mistake.moment), FRAME.height - 6
    half = LETTER_WIDTH * len(name) / 2
    middle = min(x(mistake.moment), FRAME.width - half)
    yield text((middle, y), name, "tick")
    for edge, time, anchor in ((x.start, mistake.start, "start"), (x.end, mistake.end, "end")):
        if abs(edge - middle) > half + LETTER_WIDTH * (len(x.name(time)) + 1):
            yield text((edge, y), x.name(time), "tick", anchor)


def _range(values: Array) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    room = HEADROOM * (high - low) or max(abs(high) * HEADROOM, 0.5)
    return max(low - room, 0.0) if low >= 0 else low - room, high + room
