"""What the catalogue depends on: the metrics of a fleet, and what its inventory and events distinguish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from data.schema import EventKind, Metric
from features.catalogue.history_windows import HistoryWindows
from features.feature import Peer

if TYPE_CHECKING:
    from datetime import timedelta

    from data.view import View

FEWEST_OF_A_CAUSE = 30
MOST_CAUSES = 6
USUAL = HistoryWindows()


@dataclass(frozen=True, slots=True)
class FleetCapabilities:
    """The metrics of a fleet, the windows over them and its failures, and what nodes and failures are grouped by."""

    metrics: tuple[Metric, ...]
    windows: tuple[timedelta, ...]  # ascending; the first one is what counts as 'now'
    has_racks: bool
    has_hardware: bool
    causes: tuple[str, ...] = ()
    history: HistoryWindows = USUAL

    @property
    def ranked_among(self) -> tuple[Peer, ...]:
        """The peers among which values of on-change metrics are ranked."""
        return (Peer.RANK, Peer.HARDWARE) if self.has_hardware else (Peer.RANK,)


def capabilities_of(
    view: View, metrics: tuple[Metric, ...], windows: tuple[timedelta, ...], history: HistoryWindows = USUAL
) -> FleetCapabilities:
    """Determine whether the inventory distinguishes racks and hardware models, and which causes are common."""
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
        history=history,
    )
