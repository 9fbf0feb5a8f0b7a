"""Plots of a training run, which show whether its model is worth trusting: pure functions from values to a Figure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator, NullFormatter
from numpy.typing import NDArray

from data.durations import format_duration
from models.metrics.bins import equal_expectation_bins

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from matplotlib.axes import Axes

    from features.grid import Times
    from models.hazard.out_of_fold import OutOfFoldForecast

Floats = NDArray[np.float64]

# Okabe and Ito (2008): colour-blind people can distinguish them too.
BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
SKY: Final = "#56B4E9"
INK: Final = "#333333"
PALE: Final = "#CCCCCC"
COLOURS: Final = (BLUE, ORANGE, "#009E73", "#CC79A7", SKY, "#E69F00", INK)
STROKES: Final = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1)))  # seven colours by five strokes: no pair is repeated
LEAST_PROBABILITY: Final = 1e-6
SMALLEST_SHARE: Final = 1e-3
BINS: Final = 12  # of a reliability diagram
MOST_FEATURES: Final = 25
MONTH_STEPS: Final = (1, 2, 3, 6, 12, 24, 60)
MOST_TICKS: Final = 12


@dataclass(frozen=True, slots=True)
class CaptureCurve:
    """Share of failures caught against share of rows alarmed."""

    alarmed: Floats
    caught: Floats


@dataclass(frozen=True, slots=True)
class ReliabilityBins:
    """Mean probability, share of failures and weight of each bin; all bins expect equally many failures."""

    forecast: Floats
    observed: Floats
    weight: Floats


def capture_curve(forecast: OutOfFoldForecast) -> CaptureCurve:
    """Alarm the riskiest rows first, and count the failing rows among them; rows of equal risk all at once."""
    order = np.argsort(-forecast.probability, kind="stable")
    weight, hits = forecast.weight[order], (forecast.weight * forecast.label)[order]
    ends = np.append(np.flatnonzero(np.diff(forecast.probability[order])), len(order) - 1)
    alarmed, caught = np.cumsum(weight)[ends], np.cumsum(hits)[ends]
    return CaptureCurve(np.append(0.0, alarmed / alarmed[-1]), np.append(0.0, caught / caught[-1]))


def reliability_bins(forecast: OutOfFoldForecast, bins: int = BINS) -> ReliabilityBins:
    """Split forecasts, from the lowest to the highest, into bins that expect equally many failures."""
    order = np.argsort(forecast.probability, kind="stable")
    probability, weight, label = forecast.probability[order], forecast.weight[order], forecast.label[order]
    bin_of_row = equal_expectation_bins(probability, bins, weight)
    filled = np.bincount(bin_of_row, minlength=bins) > 0

    def sums(values: Floats) -> Floats:
        return np.bincount(bin_of_row, weights=values, minlength=bins).astype(np.float64)[filled]

    total = sums(weight)
    return ReliabilityBins(sums(weight * probability) / total, sums(weight * label) / total, total)


def draw_curves(curves: Mapping[str, CaptureCurve], title: str, budgets: Sequence[float]) -> Figure:
    """Draw failing rows caught against rows alarmed, with the budgets marked."""
    figure = Figure((8, 4.8), layout="constrained")
    axes = _plain(figure.add_subplot(), title)
    shares = np.geomspace(SMALLEST_SHARE, 1, 400)
    axes.plot(shares, shares, color=PALE, lw=1.5, label="by chance")
    for budget in budgets:
        axes.axvline(budget, color=INK, lw=1, ls=":")
    for (name, curve), colour, stroke in zip(curves.items(), cycle(COLOURS), cycle(STROKES), strict=False):
        caught = np.interp(shares, curve.alarmed, curve.caught)
        axes.plot(shares, caught, color=colour, ls=stroke, lw=2, label=name)
    axes.set(xscale="log", xlim=(SMALLEST_SHARE, 1), ylim=(0, 1.01))
    dotted = f" (dotted: {', '.join(f'{100 * budget:g}%' for budget in budgets)})" if budgets else ""
    axes.set(xlabel=f"share of node-days alarmed{dotted}", ylabel="share of failing node-days caught")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_percent())
    axes.legend(frameon=False, loc="upper left")
    return figure


def draw_reliability(forecasts: Mapping[timedelta, OutOfFoldForecast], title: str) -> Figure:
    """Draw a panel for each horizon: observed against forecast failures, above a histogram of the forecasts."""
    figure = Figure((max(3.2 * len(forecasts), 4), 4.8), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    if not forecasts:
        return figure
    by_horizon = {horizon: reliability_bins(forecast) for horizon, forecast in forecasts.items()}
    limits = _limits(by_horizon.values())
    panels = figure.subplots(2, len(by_horizon), sharex=True, sharey="row", height_ratios=[3, 1], squeeze=False)
    for (horizon, bins), upper, lower in zip(by_horizon.items(), *panels, strict=True):
        _draw_bins(_plain(upper, f"within {format_duration(horizon)}"), bins, limits)
        _plain(lower, "").hist(
            np.clip(forecasts[horizon].probability, *limits),
            np.geomspace(*limits, 31).tolist(),
            weights=forecasts[horizon].weight,
            color=SKY,
        )
        lower.set(yscale="log", xlabel="forecast")
    panels[0, 0].set_ylabel("failed")
    panels[1, 0].set_ylabel("node-days")
    return figure


def _draw_bins(axes: Axes, bins: ReliabilityBins, limits: tuple[float, float]) -> None:
    """Draw the bins; one without a failure is an open mark at the edge, since a logarithm has no zero."""
    has_failure = bins.observed > 0
    axes.plot(limits, limits, color=PALE, lw=1.5, zorder=0)
    axes.plot(bins.forecast[has_failure], bins.observed[has_failure], color=BLUE, lw=1.2, marker="o", ms=5)
    edge = np.full(np.count_nonzero(~has_failure), 1.2 * limits[0])
    axes.plot(bins.forecast[~has_failure], edge, "v", mec=BLUE, mfc="white")
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_percent())
        axis.set_minor_formatter(NullFormatter())


def _limits(horizons: Iterable[ReliabilityBins]) -> tuple[float, float]:
    """Choose limits that include every bin with some space around."""
    values = np.concatenate([shares for bins in horizons for shares in (bins.forecast, bins.observed)])
    values = np.clip(values[values > 0], LEAST_PROBABILITY, 1.0)
    low, high = float(values.min(initial=0.5)), float(values.max(initial=0.5))
    return max(low / 2, LEAST_PROBABILITY / 2), min(high * 2, 1.0)


def draw_importance(gain: Mapping[str, float], title: str) -> Figure:
    """Draw the features that the trees gained most by, as shares of their total gain."""
    ranked = sorted(gain.items(), key=lambda pair: (-pair[1], pair[0]))
    top = {name: value / sum(gain.values()) for name, value in ranked[:MOST_FEATURES] if value > 0}
    figure = Figure((8, 1.2 + 0.24 * max(len(top), 2)), layout="constrained")
    axes = _plain(figure.add_subplot(), title)
    if not top:
        axes.annotate("no trees: too few failures", (0.02, 0.5), xycoords="axes fraction")
    bars = axes.barh(range(len(top)), list(top.values()), color=BLUE, height=0.7)
    axes.set_yticks(range(len(top)), list(top))
    axes.bar_label(bars, [f"{share:.1%}" for share in top.values()], padding=3, fontsize=8, color=INK)
    axes.set(xlim=(0, 1.12 * max(top.values(), default=1.0)), ylim=(len(top) - 0.4, -0.6))
    axes.set_xlabel("share of the trees' total gain")
    axes.xaxis.set_major_formatter(_percent())
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.grid(visible=False, axis="y")
    return figure


def draw_timeline(starts: Times, marks: Mapping[str, np.datetime64], title: str) -> Figure:
    """Draw failures a month with labelled marks at some times; months from the first mark on have another colour."""
    figure = Figure((9, 3.4), layout="constrained")
    axes = _plain(figure.add_subplot(), title)
    months, count = np.unique(_months(starts).astype(np.int64), return_counts=True)
    positions = {name: float(_months(np.array([time]))[0]) for name, time in marks.items()}
    is_after = months >= min(positions.values(), default=np.inf)
    axes.bar(months, count, 0.9, align="edge", color=np.where(is_after, ORANGE, BLUE).tolist())
    for name, position in positions.items():
        axes.axvline(position, color=INK, lw=1.2, ls="--")
        axes.annotate(f"{name} ", (position, 1), xycoords=("data", "axes fraction"), va="top", ha="right")
    span = float(np.ptp(axes.get_xlim()))
    axes.xaxis.set_major_locator(MultipleLocator(next((step for step in MONTH_STEPS if span / step < MOST_TICKS), 120)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda month, _: str(np.datetime64(round(month), "M"))))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(ylabel="failures a month", ylim=(0, 1.15 * max(count, default=1)))
    axes.grid(visible=False, axis="x")
    return figure


def _months(times: Times) -> Floats:
    """Count months since 1970, including the fraction of the current month."""
    month = times.astype("datetime64[M]")
    start, end = month.astype("datetime64[us]"), (month + 1).astype("datetime64[us]")
    return np.asarray(month.astype(np.float64) + (times - start) / (end - start))


def _plain(axes: Axes, title: str) -> Axes:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#EEEEEE", lw=0.8)
    axes.set_axisbelow(True)
    return axes


def _percent() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{100 * value:.3g}%")
