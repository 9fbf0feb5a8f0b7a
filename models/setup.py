"""What is forecast, from which metrics, and how the model is trained: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from features.catalogue.history_windows import HistoryWindows

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from data.schema import Metric
    from features.training.training_set import Design


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the hazard model; the trees are small and regularised, since failures are few."""

    trees: int = 200
    leaves: int = 8
    learning_rate: float = 0.05
    min_child: int = 50  # rows in a leaf
    feature_share: float = 0.2  # of the features, drawn for each tree
    row_share: float = 0.7  # of the rows, drawn for each tree
    l2: float = 10.0
    seeds: int = 3  # how many boosters are averaged
    random_seed: int = 1
    trees_share: float = 0.0  # weight of the trees in the score, the rest is the linear model's; 0: chosen on folds
    half_life_days: float = 365.0  # a training row older by this much weighs half
    bins: int = 63  # at most, for the values of a feature


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained: its parameters, the number of folds that calibrate it, and the days between cutoffs."""

    params: Params
    folds: int
    every: timedelta


UNKNOWN_CAUSES: Final = ("", "-", "?", "n/a", "none", "not known", "undetermined", "unknown", "unresolved")


@dataclass(frozen=True, slots=True)
class CauseCriteria:
    """When a likely cause of failure is reported."""

    unknown: tuple[str, ...] = UNKNOWN_CAUSES  # what people write where the cause is not known, in lower case
    min_failures: int = 50  # of a known cause; with fewer, no cause is ever named
    min_of_a_cause: int = 10  # a cause with fewer failures counts as 'other'
    min_probability: float = 0.5  # of the likeliest cause; below it, the cause is unknown


@dataclass(frozen=True, slots=True)
class Setup:
    """What to forecast, from which metrics, and how to train."""

    design: Design
    recipe: Recipe
    metrics: tuple[Metric, ...]
    windows: tuple[timedelta, ...]
    rule: tuple[str, ...]  # the 'rule' baseline counts which of these metrics are above zero; empty: the best metric
    min_failures: int
    history_start: datetime | None
    causes: CauseCriteria = field(default_factory=CauseCriteria)
    history_windows: tuple[timedelta, ...] = ()  # in which failures are counted; empty: as the horizons need

    @property
    def history(self) -> HistoryWindows:
        """The windows in which failures are counted."""
        return HistoryWindows.of(self.history_windows, self.design.horizons)
