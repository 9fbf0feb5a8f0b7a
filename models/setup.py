"""What is forecast, from which metrics, and how the model is trained: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from data.schema import Metric
    from features.training.training_set import Design


@dataclass(frozen=True, slots=True)
class Params:
    """How the trees are grown; small and regularised, since failures are few."""

    trees: int = 200
    leaves: int = 8
    learning_rate: float = 0.05
    min_child: int = 50
    feature_share: float = 0.2
    row_share: float = 0.7
    l2: float = 10.0
    seeds: int = 3
    random_seed: int = 1
    trees_share: float = 0.65  # of the trees in the score; the rest is a line's; 1: no line
    half_life_days: float = 365.0  # a training row this much older weighs half as much
    bins: int = 63  # at most, of a feature's values


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained: its trees, and the folds that calibrate it."""

    params: Params
    folds: int
    every_days: float


UNKNOWN_CAUSES: Final = ("", "-", "?", "n/a", "none", "not known", "undetermined", "unknown", "unresolved")


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a cause is told."""

    unknown: tuple[str, ...] = UNKNOWN_CAUSES  # what people write where the cause is not known, in lower case
    min_failures: int = 50  # of a known cause; with fewer, no cause is ever named
    min_of_a_cause: int = 10  # a cause with fewer failures counts as 'other'
    min_probability: float = 0.5  # of the leading cause; below it, the cause is unknown


@dataclass(frozen=True, slots=True)
class Setup:
    """What to forecast, from which metrics, and how to train."""

    design: Design
    recipe: Recipe
    metrics: tuple[Metric, ...]
    windows: tuple[timedelta, ...]
    rule: tuple[str, ...]  # metrics whose number above zero is the 'rule' baseline; empty: the best single one
    min_failures: int
    history_start: datetime | None
    causes: Terms = field(default_factory=Terms)
