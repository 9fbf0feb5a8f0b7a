"""The picture of the comparison of the simulated fleet with real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from models.registry.plots import BLUE, INK, ORANGE, SKY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.benchmarks.clustering import FailureRecords, Floats

COLOURS: Final = (SKY, BLUE, INK, ORANGE)  # the simulated fleet, the last one, is emphasised
POINTS: Final = 400


def draw(fleets: Sequence[FailureRecords], path: Path) -> None:
    """Draw how long nodes last, how long repairs take, and how unevenly failures fall on nodes."""
    figure = Figure(figsize=(11.0, 3.8), layout="constrained")
    gaps, repairs, shares = figure.subplots(1, 3)
    for fleet, colour in zip(fleets, COLOURS, strict=True):
        width = 2.4 if colour == ORANGE else 1.4
        _draw_distribution(gaps, fleet.gaps() / 24.0, colour, width, fleet.name)
        _draw_distribution(repairs, fleet.repairs(), colour, width, fleet.name)
        counts = np.cumsum(fleet.counts()) / fleet.failures.height
        shares.plot(np.arange(1, len(counts) + 1) / len(counts), counts, color=colour, lw=width, label=fleet.name)
    _label(gaps, "Between a node's failures", "days", "share of gaps that are shorter")
    _label(repairs, "Repair", "hours", "share of repairs that are shorter")
    _label(shares, "Repeat offenders", "share of nodes, the worst first", "share of failures")
    gaps.legend(frameon=False, fontsize=8)
    path.parent.mkdir(exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "nodeward", "svg.fonttype": "none"}):  # the same picture, the same bytes
        figure.savefig(path, metadata={"Date": None})


def _draw_distribution(axes: Axes, values: Floats, colour: str, width: float, name: str) -> None:
    quantiles = np.quantile(values, np.linspace(0.0, 1.0, POINTS))
    axes.plot(quantiles, np.linspace(0.0, 1.0, POINTS), color=colour, lw=width, label=name)
    axes.set_xscale("log")


def _label(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set(title=title, xlabel=across, ylabel=up, ylim=(0.0, 1.0))
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
