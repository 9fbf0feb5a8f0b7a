"""Figures that show at a glance whether a model is worth trusting: pure functions from values to a Figure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

    from features.grid import Times
    from models.review import Forecast

Floats = NDArray[np.float64]

# Okabe and Ito (2008): told apart by colour-blind people too.
BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
SKY: Final = "#56B4E9"
INK: Final = "#333333"
PALE: Final = "#CCCCCC"
COLOURS: Final = (BLUE, ORANGE, "#009E73", "#CC79A7", SKY, "#E69F00", INK)
STROKES: Final = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1)))  # seven colours by five strokes: no pair comes twice
LEAST_PROBABILITY: Final = 1e-6
SMALLEST_SHARE: Final = 1e-3
BINS: Final = 12  # of a reliability diagram
MOST_FEATURES: Final = 25


@dataclass(frozen=True, slots=True)
class Curve:
    """Share of failures caught against share of rows alarmed."""

    alarmed: Floats
    caught: Floats


@dataclass(frozen=True, slots=True)
class Reliability:
    """Mean probability and share of failures of each bin; bins expect equally many failures."""

    forecast: Floats
    observed: Floats
    failing_rows: Floats


def curve(forecast: Forecast) -> Curve:
    """Alarm the riskiest rows first, and count the failing rows among them; rows of equal risk come together."""
    order = np.argsort(-forecast.probability, kind="stable")
    weight, hits = forecast.weight[order], (forecast.weight * forecast.label)[order]
    ends = np.append(np.flatnonzero(np.diff(forecast.probability[order])), len(order) - 1)
    alarmed, caught = np.cumsum(weight)[ends], np.cumsum(hits)[ends]
    return Curve(np.append(0.0, alarmed / alarmed[-1]), np.append(0.0, caught / caught[-1]))


def reliability(forecast: Forecast, bins: int = BINS) -> Reliability:
    """Cut forecasts, from the lowest to the highest, into bins that expect equally many failures."""
    order = np.argsort(forecast.probability, kind="stable")
    expected = np.cumsum((forecast.weight * forecast.probability)[order])
    bin_of = np.minimum(bins * expected / max(expected[-1], np.finfo(np.float64).tiny), bins - 1).astype(np.int64)

    def sums(values: Floats) -> Floats:
        return np.bincount(bin_of, weights=values[order], minlength=bins).astype(np.float64)[filled]

    filled = np.bincount(bin_of, minlength=bins) > 0
    weight = sums(forecast.weight)
    return Reliability(
        sums(forecast.weight * forecast.probability) / weight,
        sums(forecast.weight * forecast.label) / weight,
        sums(forecast.label),
    )


def draw_curves(curves: Mapping[str, Curve], title: str, budgets: Sequence[float]) -> Figure:
    """Draw failing rows caught against rows alarmed, a line a curve, with the budgets marked."""
    figure = Figure((8, 4.8), layout="constrained")
    axes = _plain(figure.add_subplot(), title)
    chance = np.geomspace(SMALLEST_SHARE, 1, 100)
    axes.plot(chance, chance, color=PALE, lw=1.5, label="by chance")
    for budget in budgets:
        axes.axvline(budget, color=PALE, lw=1, ls=":", zorder=0)
        axes.annotate(f"{budget:.3g}", (budget, 1.0), xycoords=("data", "axes fraction"))
    for (name, told), colour, stroke in zip(curves.items(), cycle(COLOURS), cycle(STROKES), strict=False):
        axes.plot(told.alarmed, told.caught, color=colour, ls=stroke, lw=2, label=name)
    axes.set(xscale="log", xlim=(SMALLEST_SHARE, 1), ylim=(0, 1.01))
    axes.set(xlabel="share of node-days alarmed", ylabel="share of failing node-days caught")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_percent())
    axes.legend(frameon=False, loc="upper left")
    return figure


def draw_reliability(forecasts: Mapping[float, Forecast], title: str) -> Figure:
    """Draw, for each horizon, what happened against what was forecast, over how often each forecast was made."""
    figure = Figure((max(3.2 * len(forecasts), 4), 4.8), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    if not forecasts:
        return figure
    told = {days: reliability(forecast) for days, forecast in forecasts.items()}
    ends = _ends(told.values())
    panels = figure.subplots(2, len(told), sharex=True, sharey="row", height_ratios=[3, 1], squeeze=False)
    for (days, bins), upper, lower in zip(told.items(), *panels, strict=True):
        _draw_bins(_plain(upper, f"within {_days(days)}"), bins, ends)
        _plain(lower, "").hist(
            np.clip(forecasts[days].probability, *ends),
            np.geomspace(*ends, 31).tolist(),
            weights=forecasts[days].weight,
            color=SKY,
        )
        lower.set(yscale="log", xlabel="forecast")
    panels[0, 0].set_ylabel("failed")
    panels[1, 0].set_ylabel("node-days")
    return figure


def _draw_bins(axes: Axes, bins: Reliability, ends: tuple[float, float]) -> None:
    """Draw the bins; one without a failure is an open mark at the edge, since a logarithm has no zero."""
    seen = bins.observed > 0
    axes.plot(ends, ends, color=PALE, lw=1.5, zorder=0)
    axes.plot(bins.forecast[seen], bins.observed[seen], color=BLUE, lw=1.2, marker="o", ms=5)
    axes.plot(bins.forecast[~seen], np.full(np.count_nonzero(~seen), ends[0]), "v", mec=BLUE, mfc="white", zorder=3)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_percent())
        axis.set_minor_formatter(NullFormatter())


def _ends(told: Iterable[Reliability]) -> tuple[float, float]:
    """Find limits that hold every bin, not a part of a decade."""
    values = np.concatenate([part for bins in told for part in (bins.forecast, bins.observed)])
    values = np.clip(values[values > 0], LEAST_PROBABILITY, 1.0)
    low, high = float(values.min(initial=0.5)), float(values.max(initial=0.5))
    return max(low / 2, LEAST_PROBABILITY / 2), min(high * 2, 1.0)


def draw_importance(gain: Mapping[str, float], title: str) -> Figure:
    """Draw the features that the trees gained most by, as shares of the whole gain."""
    total = sum(gain.values()) or 1.0
    top = sorted(gain.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_FEATURES]
    figure = Figure((8, 1.2 + 0.24 * max(len(top), 1)), layout="constrained")
    axes = _plain(figure.add_subplot(), title)
    shares = [value / total for _, value in top]
    bars = axes.barh([name for name, _ in top], shares, color=BLUE, height=0.7)
    axes.bar_label(bars, [f"{share:.1%}" for share in shares], padding=3, fontsize=8, color=INK)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.12 * max(shares, default=1.0)), xlabel="share of the trees' total gain")
    axes.xaxis.set_major_formatter(_percent())
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.grid(visible=False, axis="y")
    return figure


def draw_timeline(starts: Times, marks: Mapping[str, np.datetime64], title: str) -> Figure:
    """Draw failures a month with marks at times of note; months from the first mark on are of another colour."""
    figure = Figure((9, 3.4), layout="constrained")
    axes = _plain(figure.add_subplot(), title)
    months, count = np.unique(starts.astype("datetime64[M]"), return_counts=True)
    first = min(marks.values(), default=np.datetime64("NaT"))
    for chosen, colour in ((~(months >= first), BLUE), (months >= first, ORANGE)):
        left = months[chosen].astype("datetime64[D]")
        width = (months[chosen] + 1).astype("datetime64[D]") - left
        axes.bar(date2num(left), count[chosen], 0.9 * width.astype(np.float64), align="edge", color=colour)
    for name, moment in marks.items():
        axes.axvline(date2num(moment), color=INK, lw=1.2, ls="--")
        axes.annotate(f"{name} ", (date2num(moment), 1), xycoords=("data", "axes fraction"), va="top", ha="right")
    axes.xaxis.set_major_locator(AutoDateLocator())
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(ylabel="failures a month")
    axes.grid(visible=False, axis="x")
    return figure


def _plain(axes: Axes, title: str) -> Axes:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#EEEEEE", lw=0.8)
    axes.set_axisbelow(True)
    return axes


def _percent() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{100 * value:.3g}%")


def _days(days: float) -> str:
    return f"{days:g} day{'s' if days > 1 else ''}"
