"""What alarms at one budget achieve: precision, failures caught, lead time, false alarms, episodes.

A budget is a share of the nodes, alarmed at every scoring time, or a rate at which alarm episodes begin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse import csc_array

from data.time_grid import in_days, in_hours
from models.evaluation.alarms import EpisodeLabels, label_episodes
from models.evaluation.budget_curve import caught_share, failure_weights
from models.evaluation.lead_times import caught_share_name
from models.metrics import metrics
from models.metrics.bootstrap import concatenate_cells
from models.metrics.estimate import Estimate, divide

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from numpy.typing import NDArray

    from features.grid import Array
    from models.evaluation.context import BootstrapCells, EvaluationContext

_HOUR = np.timedelta64(1, "h")


@dataclass(frozen=True, slots=True)
class AlarmOutcome:
    """The alarms of one model at one budget, and what followed them."""

    rows: NDArray[np.intp]  # the alarms
    label: Array  # of the alarms, NaN where dropped
    probability: Array
    episodes: EpisodeLabels
    lead_hours: Array  # of each failure of the window, NaN where it was missed

    @classmethod
    def of(cls, context: EvaluationContext, probability: Array, alarmed: NDArray[np.intp]) -> AlarmOutcome:
        """Compare alarms, given as ascending rows, with the window's failures; join consecutive ones to episodes."""
        return cls._of(context, probability, alarmed, label_episodes(context.cases, alarmed))

    @classmethod
    def of_episodes(cls, context: EvaluationContext, probability: Array, begun: NDArray[np.intp]) -> AlarmOutcome:
        """Compare alarm episodes, given as the ascending rows that begin them, with the failures of the window."""
        return cls._of(context, probability, begun, EpisodeLabels(begun, context.cases.label[begun]))

    @classmethod
    def _of(
        cls, context: EvaluationContext, probability: Array, alarmed: NDArray[np.intp], episodes: EpisodeLabels
    ) -> AlarmOutcome:
        lead = (context.failures.start - context.first_warnings(alarmed)) / _HOUR
        return cls(alarmed, context.cases.label[alarmed], probability[alarmed], episodes, lead)


def share_figures(
    context: EvaluationContext, outcome: AlarmOutcome, kept_draws: Array | None, notices: Sequence[timedelta] = ()
) -> dict[str, int | Estimate]:
    """Return every measure of alarms on a share of the nodes by its name in the protocol; counts are integers.

    And for each notice, the share of failures whose first alarm came so long before or earlier.
    """
    counts = {
        "alarms": len(outcome.rows),
        **_failure_counts(context, outcome),
        "failures_scorable": context.failures_scorable,
        "alarm_episodes": len(outcome.episodes.first_row),
    }
    return {**counts, **_figures(context, outcome, kept_draws), **_early(context, outcome, notices)}


def rate_figures(
    context: EvaluationContext, outcome: AlarmOutcome, kept_draws: Array | None, notices: Sequence[timedelta] = ()
) -> dict[str, int | Estimate]:
    """Return every measure of alarm episodes at a rate by its name in the protocol, as `share_figures` does."""
    figures = _figures(context, outcome, kept_draws)
    return {
        "episodes": len(outcome.rows),
        **_failure_counts(context, outcome),
        **{name: figures[name] for name in ("precision", "caught_share", "median_lead_hours")},
        "false_episodes_per_1000_node_days": figures["false_alarms_per_1000_node_days"],
        **_early(context, outcome, notices),
    }


def _failure_counts(context: EvaluationContext, outcome: AlarmOutcome) -> dict[str, int]:
    return {
        "failures": len(context.failures.start),
        "failures_caught": int(np.isfinite(outcome.lead_hours).sum()),
    }


def _figures(context: EvaluationContext, outcome: AlarmOutcome, kept_draws: Array | None) -> dict[str, Estimate]:
    draws = (
        _draws(context, outcome, context.bootstrap, kept_draws) if context.bootstrap and kept_draws is not None else {}
    )
    return {name: Estimate(value, draws.get(name)) for name, value in _values(context, outcome).items()}


def _early(context: EvaluationContext, outcome: AlarmOutcome, notices: Sequence[timedelta]) -> dict[str, Estimate]:
    weights = failure_weights(context) if notices else None
    return {
        caught_share_name(notice): caught_share(outcome.lead_hours >= in_hours(notice), weights) for notice in notices
    }


def _values(context: EvaluationContext, outcome: AlarmOutcome) -> dict[str, float | None]:
    is_kept = ~np.isnan(outcome.label)
    label = outcome.label[is_kept]
    lead = outcome.lead_hours[np.isfinite(outcome.lead_hours)]
    episode_label = outcome.episodes.label[~np.isnan(outcome.episodes.label)]
    false_alarms = 1000.0 * (label == 0).sum()
    return {
        "precision": metrics.base_rate(label),
        "observed_over_expected": metrics.observed_over_expected(label, outcome.probability[is_kept]),
        "caught_share": metrics.quotient(len(lead), len(outcome.lead_hours)),
        "median_lead_hours": float(np.median(lead)) if len(lead) else None,
        "false_alarms_per_1000_node_days": metrics.quotient(
            false_alarms, len(context.kept) * in_days(context.cases.every)
        ),
        "episode_precision": metrics.base_rate(episode_label),
    }


def _draws(
    context: EvaluationContext, outcome: AlarmOutcome, bootstrap: BootstrapCells, kept: Array
) -> dict[str, Array]:
    """Measure every resample: an alarm weighs as its row, an episode as the row that opens it."""
    cells = concatenate_cells(
        [bootstrap.rows[outcome.rows], bootstrap.rows[outcome.episodes.first_row], bootstrap.failures]
    )
    sums = np.concatenate(list(bootstrap.resampler.sums(_contributions(outcome), cells)), axis=1)
    alarms, hits, expected, episodes, episode_hits, failures, caught = sums
    is_caught = np.isfinite(outcome.lead_hours)
    weights = bootstrap.resampler.weights(bootstrap.failures[is_caught])
    return {
        "precision": divide(hits, alarms),
        "observed_over_expected": divide(hits, expected),
        "caught_share": divide(caught, failures),
        "median_lead_hours": weighted_medians(outcome.lead_hours[is_caught], weights),
        "false_alarms_per_1000_node_days": divide(1000 * (alarms - hits), kept * in_days(context.cases.every)),
        "episode_precision": divide(episode_hits, episodes),
    }


def _contributions(outcome: AlarmOutcome) -> csc_array:
    """Return what each alarm, episode and failure (columns) adds to each sum (rows)."""
    alarm, episode = ~np.isnan(outcome.label), ~np.isnan(outcome.episodes.label)
    return csc_array(
        block_diag(
            np.stack([alarm, np.nan_to_num(outcome.label), np.where(alarm, outcome.probability, 0.0)]),
            np.stack([episode, np.nan_to_num(outcome.episodes.label)]),
            np.stack([np.ones(len(outcome.lead_hours)), np.isfinite(outcome.lead_hours)]),
        )
    )


def weighted_medians(values: Array, weights: Array) -> Array:
    """Return the median for each column of whole-number weights, as if each value were repeated so many times."""
    if not len(values):
        return np.full(weights.shape[1], np.nan)
    order = np.argsort(values)
    ordered, up_to = values[order], np.cumsum(weights[order], axis=0)
    lower = ordered[np.argmax(2 * up_to >= up_to[-1], axis=0)]
    upper = ordered[np.argmax(2 * up_to > up_to[-1], axis=0)]
    return np.where(up_to[-1] > 0, (lower + upper) / 2, np.nan)
