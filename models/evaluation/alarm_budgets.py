"""What alarms at one budget achieve: precision, failures caught, lead time, false alarms, episodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse import csc_array

from models.evaluation.alarms import episodes
from models.evaluation.budget_curve import caught_share, failure_weights
from models.evaluation.lead_times import ahead
from models.metrics import metrics
from models.metrics.bootstrap import join_cells
from models.metrics.estimate import Estimate, divide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.evaluation.alarms import Episodes
    from models.evaluation.context import EvaluationContext, Strata

_HOUR = np.timedelta64(1, "h")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The alarms of one model at one budget beside what happened."""

    rows: NDArray[np.intp]  # the alarms
    label: NDArray[np.float64]  # of the alarms, NaN where dropped
    probability: NDArray[np.float64]
    episodes: Episodes
    lead_hours: NDArray[np.float64]  # of each failure of the window, NaN where it was missed


def outcome(bench: EvaluationContext, probability: NDArray[np.float64], alarmed: NDArray[np.intp]) -> Outcome:
    """Hold alarms, as ascending rows, against the failures of the window."""
    lead = (bench.failures.start - bench.caught_at(alarmed)) / _HOUR
    label = bench.cases.label[alarmed]
    return Outcome(alarmed, label, probability[alarmed], episodes(bench.cases, alarmed), lead)


def budget_figures(
    bench: EvaluationContext, result: Outcome, kept_draws: NDArray[np.float64] | None, lead_hours: Sequence[int] = ()
) -> dict[str, int | Estimate]:
    """Give every measure of a budget by its name in the protocol; counts are integers.

    Beside them, for each of some hours, the share of failures whose first alarm came so long before or earlier.
    """
    draws = _draws(bench, result, bench.strata, kept_draws) if bench.strata and kept_draws is not None else {}
    counts = {
        "alarms": len(result.rows),
        "failures": len(bench.failures.start),
        "failures_scorable": bench.failures_scorable,
        "failures_caught": int(np.isfinite(result.lead_hours).sum()),
        "alarm_episodes": len(result.episodes.first_row),
    }
    told = {name: Estimate(value, draws.get(name)) for name, value in _values(bench, result).items()}
    weights = failure_weights(bench) if lead_hours else None
    early = {ahead(hours): caught_share(result.lead_hours >= hours, weights) for hours in lead_hours}
    return {**counts, **told, **early}


def _values(bench: EvaluationContext, result: Outcome) -> dict[str, float | None]:
    is_kept = ~np.isnan(result.label)
    label = result.label[is_kept]
    lead = result.lead_hours[np.isfinite(result.lead_hours)]
    ended = result.episodes.label[~np.isnan(result.episodes.label)]
    false_alarms = 1000.0 * (label == 0).sum()
    return {
        "precision": metrics.base_rate(label),
        "observed_over_expected": metrics.observed_over_expected(label, result.probability[is_kept]),
        "caught_share": metrics.quotient(len(lead), len(result.lead_hours)),
        "median_lead_hours": float(np.median(lead)) if len(lead) else None,
        "false_alarms_per_1000_node_days": metrics.quotient(false_alarms, len(bench.kept) * bench.cases.every_days),
        "episode_precision": metrics.base_rate(ended),
    }


def _draws(
    bench: EvaluationContext, result: Outcome, strata: Strata, kept: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Measure every resample: an alarm weighs as its row, an episode as the row that opens it."""
    cells = join_cells([strata.rows[result.rows], strata.rows[result.episodes.first_row], strata.failures])
    sums = np.concatenate(list(strata.resampler.sums(_contributions(result), cells)), axis=1)
    alarms, hits, expected, ended, ended_hits, failures, caught = sums
    is_caught = np.isfinite(result.lead_hours)
    weights = strata.resampler.weights(strata.failures[is_caught])
    return {
        "precision": divide(hits, alarms),
        "observed_over_expected": divide(hits, expected),
        "caught_share": divide(caught, failures),
        "median_lead_hours": weighted_medians(result.lead_hours[is_caught], weights),
        "false_alarms_per_1000_node_days": divide(1000 * (alarms - hits), kept * bench.cases.every_days),
        "episode_precision": divide(ended_hits, ended),
    }


def _contributions(result: Outcome) -> csc_array:
    """Lay out what each alarm, episode and failure (columns) adds to each sum (rows)."""
    alarm, episode = ~np.isnan(result.label), ~np.isnan(result.episodes.label)
    return csc_array(
        block_diag(
            np.stack([alarm, np.nan_to_num(result.label), np.where(alarm, result.probability, 0.0)]),
            np.stack([episode, np.nan_to_num(result.episodes.label)]),
            np.stack([np.ones(len(result.lead_hours)), np.isfinite(result.lead_hours)]),
        )
    )


def weighted_medians(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the median for each column of whole-number weights, as if each value stood there so many times."""
    if not len(values):
        return np.full(weights.shape[1], np.nan)
    order = np.argsort(values)
    ordered, up_to = values[order], np.cumsum(weights[order], axis=0)
    lower = ordered[np.argmax(2 * up_to >= up_to[-1], axis=0)]
    upper = ordered[np.argmax(2 * up_to > up_to[-1], axis=0)]
    return np.where(up_to[-1] > 0, (lower + upper) / 2, np.nan)
