"""Fits the model of causes to failures with a known cause, and measures on later folds how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from features.grid import DAY, to_datetime, to_step
from features.training.walk_forward import walk_forward
from models.causes import blend, dirichlet, trees
from models.causes.blend import Blend, HeldOutFailures
from models.causes.counts import cause_counts
from models.causes.dirichlet import DirichletHierarchy
from models.causes.failure_rows import FailureRows
from models.causes.labels import Causes
from models.causes.least_probability import NEVER, least_probability
from models.causes.model import CauseModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    import lightgbm as lgb
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array, Times
    from features.training.training_set import TrainingSet
    from models.causes.counts import CountLevel
    from models.hazard.train import Trained
    from models.setup import CauseCriteria

ROWS_OF_A_FAILURE: Final = 2
HALF_LIFE_DAYS: Final = 365.0  # a failure this much older weighs half as much


@dataclass(frozen=True, slots=True)
class CauseTrainingRows:
    """Rows that a failure of a known cause follows, with what was known at each."""

    view: View
    training: TrainingSet
    failure_rows: FailureRows
    counts: Mapping[CountLevel, Array]
    seed: int

    @property
    def ts(self) -> Times:
        """The cutoff of each row."""
        return self.training.rows.ts[self.failure_rows.row]

    @property
    def horizon(self) -> np.timedelta64:
        """How long after a row its failure may start."""
        return to_step(self.training.periods.horizons[-1])

    @property
    def features(self) -> NDArray[np.float32]:
        """The features of each row."""
        return self.training.features[self.failure_rows.row]

    def take(self, is_kept: NDArray[np.bool_]) -> CauseTrainingRows:
        """Keep some rows."""
        counts = {level: count[is_kept] for level, count in self.counts.items()}
        return CauseTrainingRows(self.view, self.training, self.failure_rows.take(is_kept), counts, self.seed)

    def known_at(self, moment: np.datetime64, causes: Causes) -> CauseTrainingRows:
        """Keep what was known at a time, with the causes as they were known then."""
        earlier = self.take(self.ts < moment)
        rows = self.training.rows.take(earlier.failure_rows.row)
        rows_at_moment = FailureRows.of(self.view.narrow(to_datetime(moment)), rows, self.horizon, causes)
        with_cause = rows_at_moment.take(rows_at_moment.is_known)
        is_kept = np.zeros(len(rows), dtype=bool)
        is_kept[with_cause.row] = True
        kept = earlier.take(is_kept)
        failure_rows = FailureRows(kept.failure_rows.row, with_cause.failure, with_cause.start, with_cause.cause)
        return CauseTrainingRows(self.view, self.training, failure_rows, kept.counts, self.seed)


def fit_cause_model(trained: Trained) -> CauseModel:
    """Fit to the failures that training knew, and that a row of its training set precedes."""
    view, training, criteria = trained.view, trained.training, trained.setup.causes
    seed, folds = trained.setup.recipe.params.random_seed, trained.setup.recipe.folds
    causes = Causes.of(view.events(), criteria)
    followed = FailureRows.of(view, training.rows, to_step(training.periods.horizons[-1]), causes)
    explained = followed.take(followed.is_known)
    drawn = explained.thinned(ROWS_OF_A_FAILURE, np.random.default_rng(seed))
    counts = cause_counts(view, training.rows.take(drawn.row), causes)
    rows = CauseTrainingRows(view, training, drawn, counts, seed)
    unexplained = followed.failures - explained.failures
    doubt = _doubt(causes, explained.failures, criteria)
    if doubt:
        return CauseModel(causes, DirichletHierarchy({}), None, Blend(), NEVER, explained.failures, unexplained, doubt)
    held_out = _held_out(rows, causes, folds)
    fitted = blend.fit(held_out)
    hierarchy, booster = _fit(rows, with_trees=fitted.tree_weight > 0)
    least = least_probability(held_out, fitted, criteria.min_probability) if held_out else NEVER
    return CauseModel(causes, hierarchy, booster, fitted, least, explained.failures, unexplained)


def _doubt(causes: Causes, failures: int, criteria: CauseCriteria) -> str:
    """Return why no cause can be given; empty where causes can be given."""
    if failures < criteria.min_failures:
        return f"{failures} failures have a known cause, {criteria.min_failures} are needed"
    if len(causes.names) == 1:
        return f"no cause was recorded {criteria.min_of_a_cause} times"
    if len(causes.names) == 2:  # noqa: PLR2004 - one of them is 'other'
        return f"the records tell one cause only: {causes.names[0]}"
    return ""


def _fit(rows: CauseTrainingRows, *, with_trees: bool) -> tuple[DirichletHierarchy, lgb.Booster | None]:
    """Fit shares, and trees on top of them."""
    weight = rows.failure_rows.weight * np.exp2(-((rows.ts.max() - rows.ts) / DAY) / HALF_LIFE_DAYS)
    hierarchy = dirichlet.fit(rows.counts, rows.failure_rows.cause, weight)
    if not with_trees:
        return hierarchy, None
    shares = hierarchy.shares(rows.counts)
    return hierarchy, trees.fit(rows.features, rows.failure_rows.cause, weight, shares, rows.seed)


def _held_out(rows: CauseTrainingRows, causes: Causes, folds: int) -> list[HeldOutFailures]:
    """Forecast each fold from what was known before it; a fold before which nothing was known is left out."""
    starts = walk_forward(rows.ts, folds)
    fold = np.searchsorted(starts, rows.ts, side="right")  # 0: before the first one
    held_out = []
    for number, start in enumerate(starts, start=1):
        fitted, tested = rows.known_at(start, causes), rows.take(fold == number)
        if not len(fitted.failure_rows):
            continue
        hierarchy, booster = _fit(fitted, with_trees=True)
        assert booster is not None, "with_trees=True returns trees"
        shares, scores = hierarchy.shares(tested.counts), trees.scores(booster, tested.features)
        held_out.append(HeldOutFailures(shares, scores, tested.failure_rows.cause, tested.failure_rows.weight))
    return held_out
