"""Draws alarms and failures over the test window, a row for each of the nodes that had most of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.report.charts.axes import x_axis
from pipelines.report.charts.scales import TimeScale, time_name
from pipelines.report.charts.svg import Frame, element, line, picture, rectangle, text
from pipelines.report.terms import hours
from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

    from pipelines.report.values.node_periods import NodePeriods
    from pipelines.report.values.node_timelines import FailureMark, HeldAlarm, NodeTimeline, Timelines

WIDE: Final = Frame(960, 0, top=8, right=14, bottom=30, left=132)
NARROW: Final = Frame(360, 0, top=8, right=8, bottom=28, left=92)
ROW: Final = 21
MOST_TICKS: Final = {WIDE: 12, NARROW: 5}
LONGEST_NAME: Final = {WIDE: 15, NARROW: 10}
ALARM_HEIGHT: Final = 9
MARK: Final = 5.5  # half the width of a failure's mark
SEAM: Final = 1.0  # pixels between an alarm and the one after it
ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
OUTCOMES: Final = {  # by label: the CSS class and its meaning
    1.0: ("true", "a failure followed"),
    0.0: ("false", "no failure followed"),
}
UNKNOWN_OUTCOME: Final = ("untold", "it is unknown what followed")


def draw(timelines: Timelines, title: str, layout: Frame = WIDE) -> Markup:
    """Draw a row for each node: alarms as bars for as long as they hold, failures as marks, other periods as shades."""
    frame = replace(layout, height=layout.top + ROW * len(timelines.nodes) + layout.bottom)
    x = TimeScale(timelines.start, timelines.end, *frame.x)
    parts = [
        *_shades(timelines.blind, x, frame.y, "blind", "collectors down"),
        *x_axis(frame, [(x(time), name) for time, name in x.ticks(MOST_TICKS[layout])]),
    ]
    for row, node in enumerate(timelines.nodes):
        parts += _row(node, x, frame.top + ROW * (row + 0.5), LONGEST_NAME[layout])
    return picture(frame, title, "; ".join(_description(node) for node in timelines.nodes), parts)


def shortened(name: str, longest: int) -> str:
    """Return a name with its middle cut out if it is long: the end of a name is what distinguishes nodes."""
    if len(name) <= longest:
        return name
    tail = (longest - 1) * 2 // 3
    return f"{name[: longest - 1 - tail]}{ELLIPSIS}{name[-tail:]}"


def _description(timeline: NodeTimeline) -> str:
    caught = sum(not np.isnan(failure.lead_hours) for failure in timeline.failures)
    failures, alarms = pluralize(len(timeline.failures), "failure"), pluralize(len(timeline.alarms), "alarm")
    return f"{timeline.node}: {failures}, {caught} caught, {alarms}"


def _row(timeline: NodeTimeline, x: TimeScale, y: float, longest: int) -> Iterator[Markup]:
    yield line((x.start, y), (x.end, y), "lane")
    label = text((x.start - 8, y + 4), shortened(timeline.node, longest), "label", "end")
    yield element("g", element("title", timeline.node), label)
    yield from _shades(timeline.maintenance, x, (y - 8, y + 8), "maintenance", "maintenance")
    for alarm in timeline.alarms:
        yield alarm_bar(alarm, x, (y - ALARM_HEIGHT / 2, y + ALARM_HEIGHT / 2), f"{timeline.node}: ")
    yield from _shades(timeline.repairs, x, (y - 1.5, y + 1.5), "repair", "down")
    for failure in timeline.failures:
        yield _failure(failure, timeline.node, x(failure.start), y)


def alarm_bar(alarm: HeldAlarm, x: TimeScale, edges: tuple[float, float], of_node: str = "") -> Markup:
    """Draw an alarm over the part of its time that is on the axis, in the colour of what followed it."""
    class_, outcome = OUTCOMES.get(alarm.label, UNKNOWN_OUTCOME)
    start, end = x(max(alarm.start, x.low)), x(min(alarm.end, x.high)) - SEAM
    tip = f"{of_node}alarm from {time_name(alarm.start)} to {time_name(alarm.end)}, {outcome}"
    return rectangle((start, edges[0]), (max(start, end), edges[1]), f"alarm {class_}", tip, min_width=2)


def _shades(periods: NodePeriods, x: TimeScale, edges: tuple[float, float], class_: str, name: str) -> Iterator[Markup]:
    for start, end in zip(periods.start, periods.end, strict=True):
        yield rectangle(
            (x(start), edges[0]), (x(end), edges[1]), class_, f"{name} from {time_name(start)}", min_width=1.5
        )


def _failure(failure: FailureMark, node: str, x: float, y: float) -> Markup:
    """Draw a filled diamond for a failure that was caught, an open one for one that was missed."""
    is_caught = not np.isnan(failure.lead_hours)
    outcome = f"caught {hours(failure.lead_hours)} ahead" if is_caught else "missed"
    corners = f"M{x:.1f} {y - MARK:.1f}l{MARK} {MARK}l-{MARK} {MARK}l-{MARK} -{MARK}Z"
    tip = element("title", f"{node} failed on {time_name(failure.start)}: {outcome}")
    return element("path", tip, d=corners, class_="failure caught" if is_caught else "failure missed")
