"""What a fleet offers to the catalogue, as far as a view knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from data.schema import EventKind, Metric

if TYPE_CHECKING:
    from datetime import timedelta

    from data.view import View

FEWEST_OF_A_CAUSE = 30
MOST_CAUSES = 6


def capabilities_of(view: View, metrics: tuple[Metric, ...], windows: tuple[timedelta, ...]) -> FleetCapabilities:
    """Find out whether the inventory tells racks and models apart, and which causes are common."""
    nodes = view.nodes()
    failures = view.events().filter((pl.col("kind") == EventKind.FAILURE) & pl.col("cause").is_not_null())
    common = failures["cause"].value_counts().filter(pl.col("count") >= FEWEST_OF_A_CAUSE)
    ranked = common.sort("count", "cause", descending=[True, False])["cause"].head(MOST_CAUSES).to_list()
    return FleetCapabilities(
        metrics,
        windows,
        has_racks=nodes["rack"].n_unique() > 1,
        has_hardware=nodes["hardware"].n_unique() > 1,
        causes=tuple(sorted(ranked)) if len(ranked) > 1 else (),
    )


@dataclass(frozen=True, slots=True)
class FleetCapabilities:
    """What a fleet offers: its metrics and what its inventory and events tell apart."""

    metrics: tuple[Metric, ...]
    windows: tuple[timedelta, ...]  # rising; the first one is what counts as 'now'
    has_racks: bool
    has_hardware: bool
    causes: tuple[str, ...] = ()
