"""The results of the flows that train, score and decide; written as JSON by field name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.output.json_files import HORIZON

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from serving.explanation.reason import Reason
    from serving.policy.values import Decision
    from serving.scoring.likely_cause import LikelyCause


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What was trained, on what, how well it forecast held-out folds, and where it is registered."""

    trained_until: datetime
    version: str
    aliases: tuple[str, ...]
    support: str
    basis: str  # what it forecasts from with too few failures for a model
    failures: int
    min_failures: int
    rows: int
    features: int
    metrics: dict[str, float]
    tables: dict[str, int]
    notices: tuple[str, ...] = ()
    causes: str = ""  # how many failures have a known cause, and when a likely cause is named
    trees_share: float = 1.0  # weight of the trees in the score; the rest is the linear model's
    base_strength: float = 1.0  # weight of the fleet's recent rate of failure in the base of every forecast


@dataclass(frozen=True, slots=True)
class ScoredNode:
    """One node's score: at the policy's horizon, at all horizons, and what it is based on."""

    node: str
    probability: float | None  # None: unknown
    probabilities: dict[str, float | None]  # by horizon: '7d'
    support: str
    data_age_hours: float | None
    reasons: tuple[Reason, ...]
    likely_cause: LikelyCause


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What was scored: as of which time, by which model, how many nodes, and each node.

    `unknown` nodes are not reporting; `out` nodes are in a failure or maintenance that has not ended and have no score.
    """

    as_of: datetime
    model_version: str
    support: str
    horizon: timedelta = field(metadata=HORIZON)
    nodes: int
    unknown: int
    scores: tuple[ScoredNode, ...]  # the riskiest first, the unknown last
    out: int = 0
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecideReport:
    """What should be done, as of which time, by which scores; nothing was done to any node."""

    as_of: datetime
    horizon: timedelta = field(metadata=HORIZON)
    model_version: str
    fleet: int
    out: int
    threshold: float
    drains: tuple[Decision, ...]
    held_back: tuple[Decision, ...]
    left: int
    unknown: int
    departed: int = 0  # scored nodes that are no longer in the fleet
    unscored: int = 0  # nodes of the fleet, in service, without a score
