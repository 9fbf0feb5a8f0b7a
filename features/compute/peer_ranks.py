"""Ranks of a row's node among all nodes that were present at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.events.history import groups_of
from features.feature import Peer
from features.population.at_risk import Rows
from features.telemetry.peers import group_rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array, Index
    from features.population.at_risk import AtRisk


@dataclass(frozen=True, slots=True)
class PresentPeers:
    """Every node that was present at the cutoffs of some rows, and the position of each row among them."""

    rows: Rows  # of all present nodes
    groups: dict[Peer, Index]  # the group of each of these rows: the fleet, or its hardware, at one cutoff
    position: NDArray[np.int64]  # of each requested row; -1 where its node was not present

    @classmethod
    def of(cls, view: View, risk: AtRisk, rows: Rows) -> PresentPeers:
        """Find the nodes that were present."""
        used = np.unique(rows.cutoff)
        present = risk.present[:, used]
        node, step = np.nonzero(present)
        position = np.full(present.shape, -1)
        position[node, step] = np.arange(len(node))
        present_rows = Rows(rows.names, rows.cutoffs, node, used[step])
        hardware = groups_of(view, rows)["hardware"][node] * len(used) + step
        position_of_row = position[rows.node, np.searchsorted(used, rows.cutoff)]
        return cls(present_rows, {Peer.RANK: step, Peer.HARDWARE: hardware}, position_of_row)

    def ranks_of_rows(self, values: Array, peer: Peer) -> Array:
        """Rank the values of all present nodes, and return those of the requested rows."""
        return np.append(group_rank(values, self.groups[peer]), np.nan)[self.position]
