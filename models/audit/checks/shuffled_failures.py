"""Failures that are assigned at random: no honest forecast can know them, so one that does has seen the future."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import norm, ttest_1samp

from features.training.labels import Outcomes
from features.training.person_periods import Periods
from models.audit.finding import Finding, Severity, inconclusive
from models.audit.permutation import MIN_FAILING_NODES, LabelledCases, RanksByTime
from models.audit.significance import LEVEL, format_p, permutation_p_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.grid import Array
    from models.audit.probe_forecast import ProbeForecast
    from models.hazard.train import Trained

FUTURE: Final = "shuffled future"
PAST: Final = "shuffled past"
FITS: Final = 5
NO_SKILL: Final = 0.5
FIX: Final = "something of the future reaches the training: look at when records became known"


def check_future(labelled: LabelledCases, scores: Array, rng: np.random.Generator) -> Finding:
    """Judge a forecast by futures in which the nodes exchanged their failures: it must rank them by chance."""
    if labelled.failing_nodes < MIN_FAILING_NODES:
        return inconclusive(FUTURE, f"{labelled.failing_nodes} nodes fail in the test; {MIN_FAILING_NODES} are needed")
    ranks = RanksByTime.of(labelled.step, scores)
    real = ranks.roc_auc(labelled.positives)
    null = ranks.null_distribution(labelled.permuted_positives(rng))
    shifted = ranks.null_distribution([labelled.shifted(rng).positives for _ in range(FITS)])
    mean, error = float(null.mean()), float(null.std(ddof=1) / np.sqrt(len(null)))
    if not error:
        return inconclusive(FUTURE, "the forecast gives every node the same risk: too few failures to tell them apart")
    p = float(norm.sf((mean - NO_SKILL) / error))
    share = permutation_p_value(real, null)
    return Finding(
        FUTURE,
        Severity.FOUND if p < LEVEL else Severity.CLEAR,
        f"ROC-AUC {mean:.3f} ± {error:.3f} on {len(null)} futures with the nodes exchanged, {real:.3f} on "
        f"the real one (as high in {share:.1%} of all {1 + len(null)}), {float(shifted.mean()):.3f} with each node's "
        f"failures at other times; {format_p(p)} against {LEVEL:g}",
        mean,
        NO_SKILL,
        fix=FIX if p < LEVEL else "",
    )


def check_past(
    labelled: LabelledCases, refit: Callable[[np.random.Generator], Array], rng: np.random.Generator
) -> Finding:
    """Judge forecasts that were fitted to exchanged failures by the real future: they must rank it by chance.

    `refit` permutes the nodes of the past failures, fits a model and returns its scores of the labelled rows.
    """
    if labelled.failing_nodes < MIN_FAILING_NODES:
        return inconclusive(PAST, f"{labelled.failing_nodes} nodes fail in the test; {MIN_FAILING_NODES} are needed")
    areas = [RanksByTime.of(labelled.step, refit(rng)).roc_auc(labelled.positives) for _ in range(FITS)]
    if np.std(areas):
        p = float(ttest_1samp(areas, NO_SKILL, alternative="greater").pvalue)
    else:
        p = float(areas[0] <= NO_SKILL)
    return Finding(
        PAST,
        Severity.FOUND if p < LEVEL else Severity.CLEAR,
        f"ROC-AUC {np.mean(areas):.3f} (from {min(areas):.3f} to {max(areas):.3f}) for {FITS} forecasts that "
        f"learned from exchanged failures; {format_p(p)} against {LEVEL:g} (t-test)",
        float(np.mean(areas)),
        NO_SKILL,
        fix=FIX if p < LEVEL else "",
    )


def permuted_refit(probe: ProbeForecast, labelled: LabelledCases) -> Callable[[np.random.Generator], Array]:
    """Return a function that fits the probe's model to the same rows with the nodes' failures permuted."""
    trained, features = probe.replay.trained, probe.features[probe.case_rows[labelled.case]]

    def refit(rng: np.random.Generator) -> Array:
        return probe.refit(trained.training.features, features, labelled.case, permuted_periods(trained, rng))

    return refit


def permuted_periods(trained: Trained, rng: np.random.Generator) -> Periods:
    """Return the outcomes of the training rows with each failure at another node."""
    rows, horizons = trained.training.rows, trained.training.periods.horizons
    outcomes = Outcomes.of(trained.view, rows.names)
    permutation = np.append(rng.permutation(len(rows.names)), -1)  # -1, an unknown node, stays unknown
    return Periods.of(rows, replace(outcomes, failure_node=permutation[outcomes.failure_node]), horizons)
