"""What alarms at one budget achieve: precision, failures caught, lead time, false alarms, episodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse import csc_array

from models.evaluation.alarms import label_episodes
from models.evaluation.budget_curve import caught_share, failure_weights
from models.evaluation.lead_times import caught_share_name
from models.metrics import metrics
from models.metrics.bootstrap import concatenate_cells
from models.metrics.estimate import Estimate, divide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from features.grid import Array
    from models.evaluation.alarms import EpisodeLabels
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
        """Compare alarms, given as ascending rows, with the failures of the window."""
        lead = (context.failures.start - context.first_warnings(alarmed)) / _HOUR
        label = context.cases.label[alarmed]
        return cls(alarmed, label, probability[alarmed], label_episodes(context.cases, alarmed), lead)


def budget_figures(
    context: EvaluationContext, outcome: AlarmOutcome, kept_draws: Array | None, lead_hours: Sequence[int] = ()
) -> dict[str, int | Estimate]:
    """Return every measure of a budget by its name in the protocol; counts are integers.

    And for each number of hours, the share of failures whose first alarm came so long before or earlier.
    """
    draws = (
        _draws(context, outcome, context.bootstrap, kept_draws) if context.bootstrap and kept_draws is not None else {}
    )
    counts = {
        "alarms": len(outcome.rows),
        "failures": len(context.failures.start),
        "failures_scorable": context.failures_scorable,
        "failures_caught": int(np.isfinite(outcome.lead_hours).sum()),
        "alarm_episodes": len(outcome.episodes.first_row),
    }
    figures = {name: Estimate(value, draws.get(name)) for name, value in _values(context, outcome).items()}
    weights = failure_weights(context) if lead_hours else None
    early = {caught_share_name(hours): caught_share(outcome.lead_hours >= hours, weights) for hours in lead_hours}
    return {**counts, **figures, **early}


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
        "false_alarms_per_1000_node_days": metrics.quotient(false_alarms, len(context.kept) * context.cases.every_days),
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
        "false_alarms_per_1000_node_days": divide(1000 * (alarms - hits), kept * context.cases.every_days),
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
