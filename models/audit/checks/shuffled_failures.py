"""Failures that strike at random: no forecast can know them, so one that does has seen what it should not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import norm, ttest_1samp

from features.training.labels import Outcomes
from features.training.person_periods import Periods
from models.audit.finding import Finding, Severity, inconclusive
from models.audit.permutation import LabelledRows, RanksByTime
from models.audit.significance import LEVEL, beyond, p_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from models.audit.probe_forecast import ProbeForecast
    from models.hazard.train import Trained

FUTURE: Final = "shuffled future"
PAST: Final = "shuffled past"
FITS: Final = 5
FEWEST: Final = 10  # failing nodes
NOTHING: Final = 0.5
SPLIT: Final = "something of the future reaches the training: look at when records became known"


def shuffled_future(marks: LabelledRows, scores: NDArray[np.float64], rng: np.random.Generator) -> Finding:
    """Judge a forecast by futures in which the nodes exchanged their failures: it must rank them by chance."""
    if marks.failing_nodes < FEWEST:
        return inconclusive(FUTURE, f"{marks.failing_nodes} nodes fail in the test; {FEWEST} are needed")
    ranking = RanksByTime.of(marks.step, scores)
    real, null = ranking.roc_auc(marks.positives), ranking.null(marks.shuffles(rng))
    moved = float(ranking.null([marks.moved(rng).positives for _ in range(FITS)]).mean())
    mean, error = float(null.mean()), float(null.std(ddof=1) / np.sqrt(len(null)))
    p = float(norm.sf((mean - NOTHING) / error))
    skill = f"{p_words(beyond(real, null))} that the real one is chance"
    return Finding(
        FUTURE,
        Severity.FOUND if p < LEVEL else Severity.CLEAR,
        f"ROC-AUC {mean:.3f} ± {error:.3f} on {len(null)} futures with the nodes exchanged, {real:.3f} on "
        f"the real one ({skill}), {moved:.3f} with each node's failures at other times; {p_words(p)} against {LEVEL:g}",
        mean,
        NOTHING,
        mend=SPLIT if p < LEVEL else "",
    )


def shuffled_past(
    marks: LabelledRows, learn: Callable[[np.random.Generator], NDArray[np.float64]], rng: np.random.Generator
) -> Finding:
    """Judge forecasts that learned from exchanged failures by the real future: they must rank it by chance.

    `learn` shuffles the past, trains on it and scores the rows of the marks.
    """
    if marks.failing_nodes < FEWEST:
        return inconclusive(PAST, f"{marks.failing_nodes} nodes fail in the test; {FEWEST} are needed")
    told = [RanksByTime.of(marks.step, learn(rng)).roc_auc(marks.positives) for _ in range(FITS)]
    p = float(ttest_1samp(told, NOTHING, alternative="greater").pvalue) if np.std(told) else float(told[0] <= NOTHING)
    return Finding(
        PAST,
        Severity.FOUND if p < LEVEL else Severity.CLEAR,
        f"ROC-AUC {np.mean(told):.3f} (from {min(told):.3f} to {max(told):.3f}) for {FITS} forecasts that "
        f"learned from exchanged failures; {p_words(p)} against {LEVEL:g} (t-test)",
        float(np.mean(told)),
        NOTHING,
        mend=SPLIT if p < LEVEL else "",
    )


def learner(rehearsal: ProbeForecast, marks: LabelledRows) -> Callable[[np.random.Generator], NDArray[np.float64]]:
    """Train the rehearsal's model on the same rows with the nodes' failures exchanged."""
    trained, told = rehearsal.replay.trained, rehearsal.features[rehearsal.judged[marks.row]]

    def learn(rng: np.random.Generator) -> NDArray[np.float64]:
        return rehearsal.learn(trained.training.features, (told, marks.row), exchanged(trained, rng))

    return learn


def exchanged(trained: Trained, rng: np.random.Generator) -> Periods:
    """Observe the training rows again, with each failure at another node."""
    rows, horizons = trained.training.rows, trained.training.periods.horizons_days
    outcomes = Outcomes.of(trained.view, rows.names)
    others = np.append(rng.permutation(len(rows.names)), -1)
    return Periods.of(rows, replace(outcomes, failure_node=others[outcomes.failure_node]), horizons)
