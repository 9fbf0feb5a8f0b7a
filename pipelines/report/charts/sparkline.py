"""Small pictures of one node: a metric beside its fleet, or its risk beside the one that raises alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.report.charts.scales import LinearScale, LogarithmicScale, TimeScale, day_name
from pipelines.report.charts.svg import Frame, band, box, dot, line, picture, polyline, steps, words
from pipelines.report.terms import share, typeset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

    from pipelines.report.values.metric_traces import Floats, Trace
    from pipelines.report.values.mistakes import Closeup

FRAME: Final = Frame(320, 116, top=8, right=10, bottom=22, left=48)
NO_VALUE: Final = "no value from this node"
LEAST_RISK: Final = 1e-4
ROOM: Final = 0.06  # above and below, of the height
LETTERS: Final = 44  # the width of a date


def draw_trace(trace: Trace, closeup: Closeup, title: str) -> Markup:
    """Draw a metric of the node over the band that 80% of the fleet lies in."""
    x = TimeScale(closeup.start, closeup.end, *FRAME.x)
    low, high = _ends(np.concatenate([trace.value, trace.low, trace.high]))
    y = LinearScale(low, high, *FRAME.y)
    at = [x(moment) for moment in trace.times]

    def along(values: Floats) -> list[tuple[float, float]]:
        return list(zip(at, (y(value) for value in values.tolist()), strict=True))

    own = along(trace.value)
    parts = [
        *_frame(closeup, x, [(y(tick), typeset(tick)) for tick in y.ticks(3)]),
        *([] if np.isfinite(trace.value).any() else [words((sum(FRAME.x) / 2, FRAME.top + 12), NO_VALUE, "label")]),
        band(along(trace.low), along(trace.high), "band fleet"),
        polyline(along(trace.middle), "median"),
        polyline(own, "curve of-model"),
        *(
            dot(place, 1.8, "mark of-model", f"{day_name(when)}: {typeset(value)} {trace.unit}")
            for place, when, value in zip(own, trace.times, trace.value.tolist(), strict=True)
            if np.isfinite(value)
        ),
    ]
    return picture(FRAME, title, _in_words(trace), parts)


def _in_words(trace: Trace) -> str:
    known = np.flatnonzero(np.isfinite(trace.value))
    if not len(known):
        return NO_VALUE
    first, last = known[0], known[-1]
    return (
        f"from {typeset(float(trace.value[first]))} to {typeset(float(trace.value[last]))} {trace.unit}; "
        f"the fleet's median at the end: {typeset(float(trace.middle[last]))}"
    )


def draw_risk(closeup: Closeup, title: str) -> Markup:
    """Draw the node's probability as it was told, and the least one that raised an alarm."""
    x, told = TimeScale(closeup.start, closeup.end, *FRAME.x), closeup.risk
    bar = np.where(np.isfinite(told.threshold), told.threshold, np.nan)
    known = np.concatenate([told.probability, bar[np.isfinite(bar)]])
    low = max(float(known.min(initial=1.0)) / 1.6, LEAST_RISK)
    y = LogarithmicScale(low, max(min(float(known.max(initial=0.0)) * 1.6, 1.0), 4 * low), *FRAME.y)
    at = [x(moment) for moment in told.times]
    own = list(zip(at, (y(value) for value in told.probability.tolist()), strict=True))
    parts = [
        *_frame(closeup, x, [(y(tick), share(tick)) for tick in y.ticks(4)]),
        polyline(steps(list(zip(at, (y(value) for value in bar.tolist()), strict=True))), "threshold"),
        polyline(own, "curve of-model"),
        *(
            dot(
                place,
                3 if value >= least else 1.8,
                "mark alarmed" if value >= least else "mark of-model",
                f"{day_name(when)}: {share(value)}",
            )
            for place, when, value, least in zip(own, told.times, told.probability, told.threshold, strict=True)
        ),
    ]
    return picture(FRAME, title, f"at most {share(float(told.probability.max(initial=0.0)))}", parts)


def _frame(closeup: Closeup, x: TimeScale, levels: list[tuple[float, str]]) -> Iterator[Markup]:
    bottom, top = FRAME.y
    for y, told in levels:
        yield line((x.start, y), (x.end, y), "grid")
        yield words((x.start - 6, y + 4), told, anchor="end")
    for start, end in zip(closeup.maintenance.start, closeup.maintenance.end, strict=True):
        yield box((x(start), bottom), (x(end), top), "maintenance", least=1)
    for start, end in zip(closeup.repairs.start, closeup.repairs.end, strict=True):
        yield box((x(start), bottom), (x(end), top), "downtime", least=1)
    for moment in closeup.failures:
        yield line((x(moment), top), (x(moment), bottom), "struck")
    if not closeup.is_miss:
        yield line((x(closeup.moment), top), (x(closeup.moment), bottom), "cursor")
    middle = x(closeup.moment)
    yield words((middle, FRAME.height - 6), day_name(closeup.moment), "tick")
    for edge, moment, anchor in ((x.start, closeup.start, "start"), (x.end, closeup.end, "end")):
        if abs(edge - middle) > LETTERS:
            yield words((edge, FRAME.height - 6), day_name(moment), "tick", anchor)


def _ends(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    room = ROOM * (high - low) or max(abs(high) * ROOM, 0.5)
    return max(low - room, 0.0) if low >= 0 else low - room, high + room
