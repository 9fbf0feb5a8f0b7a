"""Learns from failures with a known cause, walking forward in time, and says how far that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from features.grid import DAY, days, to_datetime
from models.causes import blend, dirichlet, trees
from models.causes.blend import Blend, HeldOutFailures
from models.causes.counts import tally
from models.causes.dirichlet import DirichletHierarchy
from models.causes.failure_rows import FailureRows
from models.causes.labels import Causes
from models.causes.least_probability import NEVER, least_probability
from models.causes.model import CauseModel
from models.hazard.walk_forward import walk_forward

if TYPE_CHECKING:
    from collections.abc import Mapping

    import lightgbm as lgb
    from numpy.typing import NDArray

    from data.view import View
    from features.training.training_set import TrainingSet
    from models.causes.counts import CountLevel, Floats
    from models.hazard.train import Trained
    from models.setup import Terms

ROWS_OF_A_FAILURE: Final = 2
HALF_LIFE_DAYS: Final = 365.0  # a failure this much older weighs half as much


@dataclass(frozen=True, slots=True)
class CauseTrainingRows:
    """Rows that a failure of a known cause follows, with what was known at each."""

    view: View
    training: TrainingSet
    ahead: FailureRows
    counts: Mapping[CountLevel, Floats]
    seed: int

    @property
    def ts(self) -> NDArray[np.datetime64]:
        """The cutoff of each row."""
        return self.training.rows.ts[self.ahead.row]

    @property
    def horizon(self) -> np.timedelta64:
        """How far ahead a failure may lie."""
        return days(self.training.periods.horizons_days[-1])

    @property
    def features(self) -> NDArray[np.float32]:
        """What the trees see of each row."""
        return self.training.features[self.ahead.row]

    def take(self, chosen: NDArray[np.bool_]) -> CauseTrainingRows:
        """Keep some rows."""
        counts = {level: seen[chosen] for level, seen in self.counts.items()}
        return CauseTrainingRows(self.view, self.training, self.ahead.take(chosen), counts, self.seed)

    def known_at(self, moment: np.datetime64, causes: Causes) -> CauseTrainingRows:
        """Keep what was known at a time, with the causes as they were known then."""
        earlier = self.take(self.ts < moment)
        rows = self.training.rows.take(earlier.ahead.row)
        then = FailureRows.of(self.view.narrow(to_datetime(moment)), rows, self.horizon, causes)
        known = then.take(then.is_known)
        kept = np.zeros(len(rows), dtype=bool)
        kept[known.row] = True
        own = earlier.take(kept)
        ahead = FailureRows(own.ahead.row, known.failure, known.start, known.cause)
        return CauseTrainingRows(self.view, self.training, ahead, own.counts, self.seed)


def learn(trained: Trained) -> CauseModel:
    """Learn from the failures that training knew, and that a row of its training set precedes."""
    view, training, terms = trained.view, trained.training, trained.setup.causes
    seed, folds = trained.setup.recipe.params.random_seed, trained.setup.recipe.folds
    causes = Causes.of(view.events(), terms)
    ahead = FailureRows.of(view, training.rows, days(training.periods.horizons_days[-1]), causes)
    known = ahead.take(ahead.is_known)
    drawn = known.thinned(ROWS_OF_A_FAILURE, np.random.default_rng(seed))
    lesson = CauseTrainingRows(view, training, drawn, tally(view, training.rows.take(drawn.row), causes), seed)
    doubt = _doubt(causes, known.failures, terms)
    if doubt:
        return _model(causes, (DirichletHierarchy({}), None, Blend()), NEVER, ahead, doubt)
    unseen = _unseen(lesson, causes, folds)
    mixed = blend.fit(unseen)
    least = least_probability(unseen, mixed, terms.min_probability) if unseen else NEVER
    return _model(causes, (*_fit(lesson, with_trees=mixed.trees > 0), mixed), least, ahead)


def _model(
    causes: Causes,
    learned: tuple[DirichletHierarchy, lgb.Booster | None, Blend],
    least: float,
    ahead: FailureRows,
    doubt: str = "",
) -> CauseModel:
    failures = ahead.take(ahead.is_known).failures
    return CauseModel(causes, *learned, least, failures, ahead.failures - failures, doubt)


def _doubt(causes: Causes, failures: int, terms: Terms) -> str:
    if failures < terms.min_failures:
        return f"{failures} failures have a known cause, {terms.min_failures} are needed"
    if len(causes.names) == 1:
        return f"no cause was recorded {terms.min_of_a_cause} times"
    if len(causes.names) == 2:  # noqa: PLR2004 - one of them is 'other'
        return f"the records tell one cause only: {causes.names[0]}"
    return ""


def _fit(lesson: CauseTrainingRows, *, with_trees: bool) -> tuple[DirichletHierarchy, lgb.Booster | None]:
    """Fit shares, and trees on top of them."""
    weight = lesson.ahead.weight * np.exp2(-((lesson.ts.max() - lesson.ts) / DAY) / HALF_LIFE_DAYS)
    fitted = dirichlet.fit(lesson.counts, lesson.ahead.cause, weight)
    if not with_trees:
        return fitted, None
    shares = fitted.shares(lesson.counts)
    return fitted, trees.fit(lesson.features, lesson.ahead.cause, weight, shares, lesson.seed)


def _unseen(lesson: CauseTrainingRows, causes: Causes, folds: int) -> list[HeldOutFailures]:
    """Forecast each fold by what was known before it; fewer than asked for where that was nothing."""
    starts = walk_forward(lesson.ts, folds)
    fold = np.searchsorted(starts, lesson.ts, side="right")  # 0: before the first one
    parts = []
    for number, start in enumerate(starts, start=1):
        learned, tested = lesson.known_at(start, causes), lesson.take(fold == number)
        if not len(learned.ahead):
            continue
        fitted, booster = _fit(learned, with_trees=True)
        assert booster is not None, "trees were asked for"
        shares, scores = fitted.shares(tested.counts), trees.scores(booster, tested.features)
        parts.append(HeldOutFailures(shares, scores, tested.ahead.cause, tested.ahead.weight))
    return parts
