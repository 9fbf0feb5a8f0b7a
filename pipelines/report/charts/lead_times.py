"""Hours from the first alarm to the failure, as a histogram, and the share of failures with so much notice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.report.charts.axes import across, upwards
from pipelines.report.charts.scales import LinearScale
from pipelines.report.charts.svg import Frame, box, line, picture, words
from pipelines.report.terms import HOURS_A_DAY, HOURS_AS_DAYS, share, with_interval
from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

    from models.evaluation.lead_times import LeadTimes
    from models.metrics.estimate import Estimate

FRAME: Final = Frame(380, 280, top=26, right=14, bottom=44, left=40)
NOTICE: Final = Frame(380, 170, top=6, right=124, bottom=8, left=102)
ROW: Final = 30


def draw(leads: LeadTimes, title: str) -> Markup:
    """Draw a bar for each span of lead."""
    end = leads.bar_hours * len(leads.count)
    x, most = LinearScale(0.0, float(end), *FRAME.x), int(leads.count.max(initial=0))
    y = LinearScale(0.0, max(most, 4) * 1.08, *FRAME.y)
    unit, each = ("days", HOURS_A_DAY) if end > HOURS_AS_DAYS else ("hours", 1)
    ticks = LinearScale(0.0, end / each, *FRAME.x)
    levels = [tick for tick in y.ticks(5) if tick == round(tick)]
    parts = [
        *upwards(FRAME, [(y(tick), f"{tick:.0f}") for tick in levels]),
        *across(FRAME, [(ticks(tick), f"{tick:g}") for tick in ticks.ticks(8)]),
        *_bars(leads, x, y),
        words((0, 12), "failures", "axis", "start"),
        words((sum(FRAME.x) / 2, FRAME.height - 4), f"{unit} from the first alarm to the failure", "axis"),
    ]
    return picture(FRAME, title, _in_words(leads), parts)


def _bars(leads: LeadTimes, x: LinearScale, y: LinearScale) -> Iterator[Markup]:
    for at, count in enumerate(leads.count.tolist()):
        begin, end = at * leads.bar_hours, (at + 1) * leads.bar_hours
        tip = f"{pluralize(count, 'failure')}, {begin} to {end} h ahead"
        if count:
            yield box((x(begin) + 1, y(0)), (x(end) - 1, y(count)), "bar of-model", tip)


def _in_words(leads: LeadTimes) -> str:
    bars = enumerate(leads.count.tolist())
    told = [f"{count} from {at * leads.bar_hours} h" for at, count in bars if count]
    return ", ".join(told) or "no failure was caught"


def draw_notice(leads: LeadTimes, title: str) -> Markup:
    """Draw the share of all failures that had at least so much notice."""
    told = list(leads.at_least.items())
    frame = Frame(NOTICE.width, ROW * len(told) + 14, NOTICE.top, NOTICE.right, NOTICE.bottom, NOTICE.left)
    highs = [value for _, one in told for value in (one.value, one.bounds()[1]) if value is not None]
    x = LinearScale(0.0, max([0.1, *highs]), *frame.x)
    parts = [part for at, (hours, one) in enumerate(told) for part in _notice(hours, one, x, 6 + ROW * (at + 0.5))]
    return picture(frame, title, "; ".join(f"{_ahead(hours)}: {with_interval(one)}" for hours, one in told), parts)


def _notice(hours: int, figure: Estimate, x: LinearScale, y: float) -> Iterator[Markup]:
    value, (low, high) = figure.value, figure.bounds()
    yield words((x.start - 8, y + 4), _ahead(hours), "label", "end")
    yield box((x.start, y - 7), (x(value or 0.0), y + 7), "bar of-model", with_interval(figure), least=1)
    if low is not None and high is not None:
        yield line((x(low), y), (x(high), y), "whisker ink")
    yield words((x.end + 8, y + 4), _short(figure), "label", "start")


def _short(figure: Estimate) -> str:
    low, high = figure.bounds()
    return (
        share(figure.value) if low is None or high is None else f"{share(figure.value)} [{share(low)}, {share(high)}]"
    )


def _ahead(hours: int) -> str:
    return f"{hours} h or more" if hours < HOURS_AS_DAYS else f"{hours // HOURS_A_DAY} days or more"
