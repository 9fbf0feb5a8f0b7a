"""Who else was there: sets a row's node beside all nodes that were present at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.events.history import groups_of
from features.feature import Peer
from features.telemetry.peers import group_rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array, Index
    from features.population.at_risk import AtRisk, Rows


@dataclass(frozen=True, slots=True)
class PresentPeers:
    """Every node that was present at the cutoffs of some rows, and where each row stands among them."""

    rows: Rows  # all who were present
    groups: dict[Peer, Index]  # who is beside whom, the cutoff told apart
    place: NDArray[np.int64]  # of each row that was asked for; -1 where its node was not present

    @classmethod
    def of(cls, view: View, risk: AtRisk, rows: Rows) -> PresentPeers:
        """Look who was present."""
        used = np.unique(rows.cutoff)
        present = risk.present[:, used]
        node, at = np.nonzero(present)
        place = np.full(present.shape, -1)
        place[node, at] = np.arange(len(node))
        everyone = type(rows)(rows.names, rows.cutoffs, node, used[at])
        hardware = groups_of(view, rows)["hardware"][node] * len(used) + at
        own = place[rows.node, np.searchsorted(used, rows.cutoff)]
        return cls(everyone, {Peer.RANK: at, Peer.HARDWARE: hardware}, own)

    def of_rows(self, values: Array, peer: Peer) -> Array:
        """Rank the values of all who were present, and pick the rows."""
        return np.append(group_rank(values, self.groups[peer]), np.nan)[self.place]
