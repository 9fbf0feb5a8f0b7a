"""Failures caught against the alarm budget, and below it the gain over the best baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from models.evaluation.evaluate import MODEL
from pipelines.report.charts.axes import across, colour, spread, upwards
from pipelines.report.charts.scales import LinearScale, LogarithmicScale
from pipelines.report.charts.svg import Frame, band, dot, el, line, picture, polyline, words
from pipelines.report.terms import MINUS, model_name, share, with_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

    from models.evaluation.budget_curve import BudgetCurve
    from models.metrics.estimate import Estimate

WIDE: Final = Frame(960, 536, top=14, right=150, bottom=176, left=52)
NARROW: Final = Frame(360, 466, top=12, right=14, bottom=176, left=44)
FOOT: Final = 44  # below the strip: its ticks, and what they mean
GAIN_HEIGHT: Final = 84  # of the strip below
LABEL_GAP: Final = 17
HEADROOM: Final = 1.05
ROOM: Final = 1.2  # above and below the strip's band
LEAST: Final = 0.1


@dataclass(frozen=True, slots=True)
class Curves:
    """What is drawn: every model's curve, the baseline that the model is set against, and the budget in use."""

    tradeoff: BudgetCurve
    rival: str | None
    share: float


def draw(curves: Curves, title: str, frame: Frame = WIDE) -> Markup:
    """Draw the curves, with direct labels where there is room for them."""
    told, shares = curves.tradeoff, curves.tradeoff.shares
    x = LogarithmicScale(shares[0], shares[-1], *frame.x)
    y = LinearScale(0.0, _top(told), *frame.y)
    foot = frame.height - FOOT
    ticks = [(x(tick), share(tick)) for tick in x.ticks(8)]
    parts = [
        *upwards(frame, [(y(tick), share(tick)) for tick in y.ticks(5)]),
        *across(frame, ticks, foot),
        line((x(curves.share), frame.y[1]), (x(curves.share), foot), "cursor"),
        *_band(told, x, y),
        *(polyline(_points(told.caught[name], shares, x, y), f"curve {colour(name)}") for name in _from_behind(told)),
        *_marks(told, x, y),
        *(_labels(told, x, y) if frame is WIDE else ()),
        *(_gain(curves, x, frame) if curves.rival else ()),
        words(((frame.x[0] + frame.x[1]) / 2, frame.height - 8), "alarms on so many of the nodes at each step", "axis"),
    ]
    return picture(frame, title, _in_words(curves), parts)


def _top(told: BudgetCurve) -> float:
    values = [one.value or 0.0 for curve in told.caught.values() for one in curve]
    highs = [one.bounds()[1] or 0.0 for one in told.caught[MODEL]]
    return min(1.0, HEADROOM * max([LEAST, *values, *highs]))


def _from_behind(told: BudgetCurve) -> list[str]:
    return sorted(told.caught, key=lambda name: name == MODEL)


def _points(
    curve: Sequence[Estimate], shares: Sequence[float], x: LogarithmicScale, y: LinearScale
) -> list[tuple[float, float]]:
    return [(x(at), y(one.value)) for at, one in zip(shares, curve, strict=True) if one.value is not None]


def _band(told: BudgetCurve, x: LogarithmicScale, y: LinearScale) -> Iterator[Markup]:
    bounds = [(at, *one.bounds()) for at, one in zip(told.shares, told.caught[MODEL], strict=True)]
    inside = [(x(at), y(low), y(high)) for at, low, high in bounds if low is not None and high is not None]
    yield band([(at, low) for at, low, _ in inside], [(at, high) for at, _, high in inside], "band of-model")


def _marks(told: BudgetCurve, x: LogarithmicScale, y: LinearScale) -> Iterator[Markup]:
    """Put marks on the model's curve that say, when pointed at, what everyone catches there."""
    for at, own in zip(told.shares, told.caught[MODEL], strict=True):
        if own.value is not None:
            others = [
                f"{model_name(name)} {share(told.caught_share(name, at).value)}"
                for name in told.caught
                if name != MODEL
            ]
            tip = "\n".join([f"alarms on {share(at)} of the nodes", f"Nodeward {with_interval(own)}", *others])
            yield dot((x(at), y(own.value)), 3.5, "mark of-model", tip)
            yield el("circle", el("title", tip), cx=x(at), cy=y(own.value), r=14, class_="target")


def _labels(told: BudgetCurve, x: LogarithmicScale, y: LinearScale) -> Iterator[Markup]:
    ends = sorted((y(curve[-1].value or 0.0), name) for name, curve in told.caught.items())
    for place, (end, name) in zip(spread((end for end, _ in ends), LABEL_GAP, y.end, y.start), ends, strict=True):
        yield polyline([(x.end + 2, end), (x.end + 12, place)], "leader")
        yield words((x.end + 16, place + 4), model_name(name), "strong" if name == MODEL else "label", "start")


def _gain(curves: Curves, x: LogarithmicScale, frame: Frame) -> Iterator[Markup]:
    """Draw the difference to a baseline, with its own interval: where the band leaves zero, it is no accident."""
    assert curves.rival, "asked for only where there is a baseline"
    gain = curves.tradeoff.gain(MODEL, curves.rival)
    told = [(at, one.value, *one.bounds()) for at, one in zip(curves.tradeoff.shares, gain, strict=True)]
    reach = max([0.05, *(abs(value) for _, *values in told for value in values if value is not None)])
    foot = frame.height - FOOT
    strip = replace(frame, top=foot - GAIN_HEIGHT, bottom=FOOT)
    y = LinearScale(-ROOM * reach, ROOM * reach, *strip.y)
    yield words((frame.x[0], strip.top - 10), f"gain over {model_name(curves.rival)}, points", "strong", "start")
    yield from upwards(strip, [(y(tick), _signed(100 * tick)) for tick in y.ticks(4)])
    yield line((x.start, y(0)), (x.end, y(0)), "zero")
    inside = [(x(at), y(low), y(high)) for at, _, low, high in told if low is not None and high is not None]
    yield band([(at, low) for at, low, _ in inside], [(at, high) for at, _, high in inside], "band of-model")
    yield polyline([(x(at), y(value)) for at, value, *_ in told if value is not None], "curve of-model")


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", MINUS) if value else "0"


def _in_words(curves: Curves) -> str:
    told = curves.tradeoff
    return f"On {share(curves.share)} of the nodes: " + ", ".join(
        f"{model_name(name)} {share(told.caught_share(name, curves.share).value)}" for name in told.caught
    )
