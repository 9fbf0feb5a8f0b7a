"""A fleet in which every node fails again and again of its own cause: the right causes are known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from features.population.at_risk import Rows, assess
from models.setup import CauseCriteria
from tests.features.fleets import DAY, START, Fleet, event, fleet
from tests.features.protocol import daily

if TYPE_CHECKING:
    from datetime import datetime

NODES = [
    {"node": f"n{number}", "rack": f"r{number % 2}", "hardware": "x", "observed_from": START - DAY}
    for number in range(6)
]
CAUSES = ("disk", "disk", "fan", "fan", "memory", "memory")
UNTIL = START + 120 * DAY
CRITERIA = CauseCriteria(min_failures=5, min_of_a_cause=3)


def lemons(*more: dict[str, object]) -> Fleet:
    """Let every node fail each fifth day, of its own cause; each fourth time the cause is unknown."""
    events = [
        event(f"n{node}", begin, begin + DAY / 24, cause="Unknown " if turn % 4 == 3 else CAUSES[node])
        for node in range(len(NODES))
        for turn in range(24)
        for begin in [START + (5 * turn + node / 8) * DAY]
    ]
    return fleet([*events, *more], NODES)


def with_node(name: str, came: datetime) -> Fleet:
    """Add a node of a new rack and a new hardware model."""
    new = {"node": name, "rack": "new", "hardware": "new", "observed_from": came}
    return replace(lemons(), nodes=fleet(nodes=[*NODES, new]).nodes)


def rows_of(records: Fleet, at: datetime = UNTIL, days: int = 120) -> Rows:
    return assess(records.view(at), daily(at - days * DAY, days + 1), None).rows()


def features_of(rows: Rows) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.zeros((len(rows), 2), np.float32)
