"""Alarms and failures of the nodes most worth seeing, a row each, over the test window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.report.charts.axes import across
from pipelines.report.charts.scales import TimeScale, day_name
from pipelines.report.charts.svg import Frame, box, el, line, picture, words
from pipelines.report.terms import hours
from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

    from pipelines.report.values.node_periods import NodePeriods
    from pipelines.report.values.node_timelines import Hit, Lane, Lanes

WIDE: Final = Frame(960, 0, top=8, right=14, bottom=30, left=132)
NARROW: Final = Frame(360, 0, top=8, right=8, bottom=28, left=92)
ROW: Final = 21
LONGEST_NAME: Final = {WIDE: 15, NARROW: 10}
ALARM: Final = 9  # the height of an alarm
MARK: Final = 5.5  # half the width of a failure's mark
ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"


def draw(told: Lanes, title: str, frame: Frame = WIDE) -> Markup:
    """Draw every row: alarms as bars, failures as marks, maintenance and blind periods as shades."""
    own = Frame(
        frame.width, frame.top + ROW * len(told.lanes) + frame.bottom, frame.top, frame.right, frame.bottom, frame.left
    )
    x = TimeScale(told.start, told.end, *own.x)
    most = 12 if frame is WIDE else 5
    parts = [
        *_shades(told.blind, x, own.y, "blind", "collectors down"),
        *across(own, [(x(moment), name) for moment, name in x.ticks(most)]),
    ]
    for at, lane in enumerate(told.lanes):
        parts += _lane(lane, x, own.top + ROW * (at + 0.5), LONGEST_NAME[frame])
    return picture(own, title, "; ".join(_in_words(lane) for lane in told.lanes), parts)


def _in_words(lane: Lane) -> str:
    caught = sum(not np.isnan(one.lead_hours) for one in lane.failures)
    failures, alarms = pluralize(len(lane.failures), "failure"), pluralize(len(lane.alarms), "alarm episode")
    return f"{lane.node}: {failures}, {caught} caught, {alarms}"


def _lane(lane: Lane, x: TimeScale, y: float, longest: int) -> Iterator[Markup]:
    yield line((x.start, y), (x.end, y), "lane")
    yield el("g", el("title", lane.node), words((x.start - 8, y + 4), shortened(lane.node, longest), "label", "end"))
    yield from _shades(lane.maintenance, x, (y - 8, y + 8), "maintenance", "maintenance")
    for alarm in lane.alarms:
        came = {1.0: "true", 0.0: "false"}.get(alarm.label, "untold")
        end = min(alarm.end, x.high)
        span = f"{pluralize(alarm.alarms, 'alarm')} from {day_name(alarm.start)} to {day_name(end)}"
        yield box(
            (x(alarm.start), y - ALARM / 2),
            (x(end), y + ALARM / 2),
            f"alarm {came}",
            f"{lane.node}: {span}, {TOLD[came]}",
            least=2,
        )
    yield from _shades(lane.repairs, x, (y - 1.5, y + 1.5), "repair", "down")
    for hit in lane.failures:
        yield _failure(hit, lane.node, x(hit.start), y)


TOLD: Final = {
    "true": "a failure followed",
    "false": "no failure followed",
    "untold": "what followed can't be told",
}


def _shades(periods: NodePeriods, x: TimeScale, edges: tuple[float, float], kind: str, told: str) -> Iterator[Markup]:
    for start, end in zip(periods.start, periods.end, strict=True):
        yield box((x(start), edges[0]), (x(end), edges[1]), kind, f"{told}, {day_name(start)}", least=1.5)


def _failure(hit: Hit, node: str, x: float, y: float) -> Markup:
    """Draw a filled diamond for a failure that was caught, an open one for one that was missed."""
    is_caught = not np.isnan(hit.lead_hours)
    told = f"caught {hours(hit.lead_hours)} ahead" if is_caught else "missed"
    corners = f"M{x:.1f} {y - MARK:.1f}l{MARK} {MARK}l-{MARK} {MARK}l-{MARK} -{MARK}Z"
    tip = el("title", f"{node} failed on {day_name(hit.start)}: {told}")
    return el("path", tip, d=corners, class_="failure caught" if is_caught else "failure missed")


def shortened(name: str, longest: int) -> str:
    """Cut a long name in its middle: what tells nodes apart stands at the end."""
    if len(name) <= longest:
        return name
    tail = (longest - 1) * 2 // 3
    return f"{name[: longest - 1 - tail]}{ELLIPSIS}{name[-tail:]}"
