"""What the flows that train, score and decide found, for people and scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from serving.policy import Decision


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What was trained, on what, how well it forecast the folds that it had not seen, and where it is registered."""

    trained_until: datetime
    version: str
    aliases: tuple[str, ...]
    support: str
    failures: int
    min_failures: int
    rows: int
    features: int
    metrics: dict[str, float]
    tables: dict[str, int]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What was scored: as of when, by which model, how many nodes, and the riskiest ones."""

    as_of: datetime
    model_version: str
    support: str
    horizon_days: float
    nodes: int
    unknown: int
    riskiest: tuple[dict[str, object], ...]  # node, probability, reasons
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecideReport:
    """What should be done, as of when, by which scores; nothing of it was done."""

    as_of: datetime
    horizon_days: float
    model_version: str
    fleet: int
    out: int
    threshold: float
    drains: tuple[Decision, ...]
    held_back: tuple[Decision, ...]
    left: int
    unknown: int
