"""Draws the share of failures caught against the alarm budget, and below it the gain over the best baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from models.evaluation.evaluate import MODEL
from pipelines.output.estimates import with_interval
from pipelines.report.charts.axes import colour_class, spread, x_axis, y_axis
from pipelines.report.charts.scales import LinearScale, LogarithmicScale
from pipelines.report.charts.svg import Frame, band, circle, element, line, picture, polyline, text
from pipelines.report.terms import MINUS, model_name, percentage
from serving.formats import alarm_rate, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

    from models.evaluation.budget_curve import BudgetCurve
    from models.metrics.estimate import Estimate

WIDE: Final = Frame(960, 536, top=14, right=150, bottom=176, left=52)
NARROW: Final = Frame(360, 466, top=12, right=14, bottom=176, left=44)
FOOT: Final = 44  # below the strip with the gain: its tick labels and the axis title
GAIN_HEIGHT: Final = 84  # of that strip
LABEL_GAP: Final = 17
HEADROOM: Final = 1.05
GAIN_HEADROOM: Final = 1.2
SMALLEST_TOP: Final = 0.1
SMALLEST_GAIN: Final = 0.05


@dataclass(frozen=True, slots=True)
class BudgetChart:
    """What is drawn: every model's curve, the baseline that the gain is over, and the budget that the report uses."""

    curve: BudgetCurve
    baseline: str | None
    rate: float  # of alarm episodes, per node and day


def draw(chart: BudgetChart, title: str, frame: Frame = WIDE) -> Markup:
    """Draw the curves, with a label at the end of each one if there is room."""
    curve = chart.curve
    x = LogarithmicScale(curve.rates[0], curve.rates[-1], *frame.x)
    y = LinearScale(0.0, _top(curve), *frame.y)
    foot = frame.height - FOOT
    axis_title = "alarms per 1,000 nodes and day"
    parts = [
        *y_axis(frame, [(y(tick), percentage(tick)) for tick in y.ticks(5)]),
        *x_axis(frame, [(x(tick), number(1000 * tick)) for tick in x.ticks(8)], foot),
        line((x(chart.rate), frame.y[1]), (x(chart.rate), foot), "cursor"),
        _band(curve.rates, curve.caught[MODEL], x, y),
        *(
            _line(curve.rates, curve.caught[model], x, y, f"curve {colour_class(model)}")
            for model in _model_last(curve)
        ),
        *_marks(curve, x, y),
        *(_labels(curve, x, y) if frame is WIDE else ()),
        *(_gain(curve, chart.baseline, x, frame) if chart.baseline else ()),
        text(((frame.x[0] + frame.x[1]) / 2, frame.height - 8), axis_title, "axis"),
    ]
    return picture(frame, title, _description(chart), parts)


def _top(curve: BudgetCurve) -> float:
    values = [share.value or 0.0 for shares in curve.caught.values() for share in shares]
    highs = [share.bounds()[1] or 0.0 for share in curve.caught[MODEL]]
    return min(1.0, HEADROOM * max([SMALLEST_TOP, *values, *highs]))


def _model_last(curve: BudgetCurve) -> list[str]:
    """Return the models in drawing order: Nodeward's curve above the others."""
    return sorted(curve.caught, key=lambda model: model == MODEL)


def _line(
    budgets: Sequence[float], estimates: Sequence[Estimate], x: LogarithmicScale, y: LinearScale, class_: str
) -> Markup:
    pairs = zip(budgets, estimates, strict=True)
    return polyline([(x(budget), y(point.value)) for budget, point in pairs if point.value is not None], class_)


def _band(budgets: Sequence[float], estimates: Sequence[Estimate], x: LogarithmicScale, y: LinearScale) -> Markup:
    bounds = [(budget, *estimate.bounds()) for budget, estimate in zip(budgets, estimates, strict=True)]
    edges = [(x(budget), y(low), y(high)) for budget, low, high in bounds if low is not None and high is not None]
    return band([(place, low) for place, low, _ in edges], [(place, high) for place, _, high in edges], "band of-model")


def _marks(curve: BudgetCurve, x: LogarithmicScale, y: LinearScale) -> Iterator[Markup]:
    """Draw marks on Nodeward's curve; hovering shows the share that every model catches there."""
    for budget, caught in zip(curve.rates, curve.caught[MODEL], strict=True):
        if caught.value is not None:
            baselines = [_model_share(curve, model, budget) for model in curve.caught if model != MODEL]
            of_model = f"{model_name(MODEL)} {with_interval(caught, percentage)}"
            tip = "\n".join([alarm_rate(budget), of_model, *baselines])
            yield circle((x(budget), y(caught.value)), 3.5, "mark of-model", tip)
            yield element("circle", element("title", tip), cx=x(budget), cy=y(caught.value), r=14, class_="target")


def _labels(curve: BudgetCurve, x: LogarithmicScale, y: LinearScale) -> Iterator[Markup]:
    ends = sorted((y(shares[-1].value or 0.0), model) for model, shares in curve.caught.items())
    places = spread((end for end, _ in ends), LABEL_GAP, y.end, y.start)
    for place, (end, model) in zip(places, ends, strict=True):
        yield polyline([(x.end + 2, end), (x.end + 12, place)], "leader")
        yield text((x.end + 16, place + 4), model_name(model), "strong" if model == MODEL else "label", "start")


def _gain(curve: BudgetCurve, baseline: str, x: LogarithmicScale, frame: Frame) -> Iterator[Markup]:
    """Draw the difference to a baseline with its interval: where the band excludes zero, it is beyond chance."""
    gain = curve.gain(MODEL, baseline)
    values = [value for estimate in gain for value in (estimate.value, *estimate.bounds()) if value is not None]
    reach = max([SMALLEST_GAIN, *map(abs, values)])
    foot = frame.height - FOOT
    strip = replace(frame, top=foot - GAIN_HEIGHT, bottom=FOOT)
    y = LinearScale(-GAIN_HEADROOM * reach, GAIN_HEADROOM * reach, *strip.y)
    yield text((frame.x[0], strip.top - 10), f"gain over {model_name(baseline)}, points", "strong", "start")
    yield from y_axis(strip, [(y(tick), _signed(100 * tick)) for tick in y.ticks(4)])
    yield line((x.start, y(0)), (x.end, y(0)), "zero")
    yield _band(curve.rates, gain, x, y)
    yield _line(curve.rates, gain, x, y, "curve of-model")


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", MINUS) if value else "0"


def _description(chart: BudgetChart) -> str:
    shares = (_model_share(chart.curve, model, chart.rate) for model in chart.curve.caught)
    return f"{alarm_rate(chart.rate)}: {', '.join(shares)}"


def _model_share(curve: BudgetCurve, model: str, budget: float) -> str:
    return f"{model_name(model)} {percentage(curve.caught_share(model, budget).value)}"
