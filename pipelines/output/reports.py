"""What the flows that train, score and decide found, for people and scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from serving.explanation.reason import Reason
    from serving.policy.values import Decision
    from serving.scoring.likely_cause import LikelyCause


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
    causes: str = ""  # of how many failures the cause is known, and what can be told of it


@dataclass(frozen=True, slots=True)
class ScoredNode:
    """One node's score: at the policy's horizon, at all of them, and what it rests on."""

    node: str
    probability: float | None  # None: unknown
    probabilities: dict[str, float | None]  # by horizon: '7d'
    support: str
    data_age_hours: float | None
    reasons: tuple[Reason, ...]
    likely_cause: LikelyCause


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What was scored: as of when, by which model, how many nodes, and each of them.

    `unknown` are not reporting; `out` are in a failure or maintenance that has not ended, and have no score.
    """

    as_of: datetime
    model_version: str
    support: str
    horizon_days: float
    nodes: int
    unknown: int
    scores: tuple[ScoredNode, ...]  # the riskiest first, the unknown last
    out: int = 0
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
