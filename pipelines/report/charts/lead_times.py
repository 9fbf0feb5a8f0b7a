"""Draws the time from the alarm to the failure, and the share of failures with at least so much notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from data.time_grid import DAY, HOUR, in_hours
from pipelines.output.estimates import with_interval
from pipelines.report.charts.axes import x_axis, y_axis
from pipelines.report.charts.scales import LinearScale
from pipelines.report.charts.svg import Frame, line, picture, rectangle, text
from pipelines.report.terms import percentage
from serving.formats import duration, pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

    from models.evaluation.lead_times import LeadTimes
    from models.metrics.estimate import Estimate

FRAME: Final = Frame(380, 280, top=26, right=14, bottom=44, left=40)
NOTICE_FRAME: Final = Frame(380, 170, top=6, right=124, bottom=8, left=102)
ROW: Final = 30
UNITS: Final = {"days": DAY, "hours": HOUR, "minutes": timedelta(minutes=1), "seconds": timedelta(seconds=1)}
STEPS: Final = {
    "days": (1, 2, 5, 10, 20, 50, 100),
    "hours": (1, 2, 3, 6),
    "minutes": (1, 2, 5, 10, 15),
    "seconds": (15,),
}
MOST_TICKS: Final = 8
NONE_CAUGHT: Final = "no failure was caught"
FEWEST_OF_A_UNIT: Final = 2


def draw(leads: LeadTimes, title: str) -> Markup:
    """Draw a histogram of lead times."""
    end = leads.bar * len(leads.count)
    x, most = LinearScale(0.0, in_hours(end), *FRAME.x), int(leads.count.max(initial=0))
    y = LinearScale(0.0, max(most, 4) * 1.08, *FRAME.y)
    unit, length = next((unit, length) for unit, length in UNITS.items() if end >= FEWEST_OF_A_UNIT * length)
    counts = [tick for tick in y.ticks(5) if tick == round(tick)]
    parts = [
        *y_axis(FRAME, [(y(count), f"{count:.0f}") for count in counts]),
        *x_axis(FRAME, [(x(in_hours(tick * length)), f"{tick}") for tick in _ticks(end / length, STEPS[unit])]),
        *_bars(leads, x, y),
        *([] if most else [text((sum(FRAME.x) / 2, sum(FRAME.y) / 2), NONE_CAUGHT, "label")]),
        text((0, 12), "failures", "axis", "start"),
        text((sum(FRAME.x) / 2, FRAME.height - 4), f"{unit} from the alarm to the failure", "axis"),
    ]
    return picture(FRAME, title, _description(leads), parts)


def draw_notice(leads: LeadTimes, title: str) -> Markup:
    """Draw the share of all failures that had at least so much notice, a row for each notice."""
    rows = list(leads.at_least.items())
    frame = replace(NOTICE_FRAME, height=ROW * len(rows) + 14)
    values = [value for _, share in rows for value in (share.value, share.bounds()[1]) if value is not None]
    x = LinearScale(0.0, max([0.1, *values]), *frame.x)
    parts = [
        part for row, (notice, share) in enumerate(rows) for part in _notice(notice, share, x, 6 + ROW * (row + 0.5))
    ]
    description = "; ".join(f"{_at_least(notice)}: {with_interval(share, percentage)}" for notice, share in rows)
    return picture(frame, title, description, parts)


def _ticks(length: float, steps: Sequence[int]) -> range:
    """Return whole numbers from 0 to a length, about MOST_TICKS or fewer, in one of some steps."""
    step = next((step for step in steps if length <= MOST_TICKS * step), steps[-1])
    return range(0, int(length) + 1, step)


def _bars(leads: LeadTimes, x: LinearScale, y: LinearScale) -> Iterator[Markup]:
    for bar, count in enumerate(leads.count.tolist()):
        start, end = bar * leads.bar, (bar + 1) * leads.bar
        if count:
            tip = f"{pluralize(count, 'failure')}, {duration(start)} to {duration(end)} ahead"
            yield rectangle((x(in_hours(start)) + 1, y(0)), (x(in_hours(end)) - 1, y(count)), "bar of-model", tip)


def _description(leads: LeadTimes) -> str:
    bars = enumerate(leads.count.tolist())
    return ", ".join(f"{count} from {duration(bar * leads.bar)}" for bar, count in bars if count) or NONE_CAUGHT


def _notice(notice: timedelta, share: Estimate, x: LinearScale, y: float) -> Iterator[Markup]:
    value, (low, high) = share.value, share.bounds()
    label = with_interval(share, percentage)
    yield text((x.start - 8, y + 4), _at_least(notice), "label", "end")
    yield rectangle((x.start, y - 7), (x(value or 0.0), y + 7), "bar of-model", label, min_width=1)
    if low is not None and high is not None:
        yield line((x(low), y), (x(high), y), "whisker ink")
    yield text((x.end + 8, y + 4), label, "label", "start")


def _at_least(notice: timedelta) -> str:
    return f"{duration(notice)} or more"
