"""Columns that tell too much on their own: written after the fact, or by somebody who knew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import t

from models.audit.finding import SHOWN, Finding, Severity, inconclusive
from models.audit.permutation import RanksByTime
from models.audit.significance import LEVEL, lower_bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from models.audit.permutation import LabelledRows

NAME: Final = "columns that tell too much"
CERTAIN: Final = 0.5  # of the nodes under a column's highest values fail: it says yes more often than not
SHARES: Final = (0.125, 0.25, 0.5, 1.0)  # of as many rows as fail
FEWEST: Final = 10  # failing nodes
SCREEN: Final = 0.05  # the level of the first look, which the stricter test follows

Column = tuple[str, "NDArray[np.float32]"]


@dataclass(frozen=True, slots=True)
class _Told:
    name: str
    roc_auc: float  # turned so that it is at least one half
    certain: float  # lower bound of the share of nodes that fail under the highest values
    is_ahead: bool  # ranks better than the forecast that sees everything


def too_much(
    columns: Iterable[Column], marks: LabelledRows, scores: NDArray[np.float64], rng: np.random.Generator
) -> Finding:
    """Test each column alone: does it say 'fails' more often rightly than not, or rank better than the forecast?

    What can be told from events is left out by the caller: their own times are tested elsewhere.
    """
    if marks.failing_nodes < FEWEST:
        return inconclusive(NAME, f"{marks.failing_nodes} nodes fail in the test; {FEWEST} are needed")
    shuffles, forecast = marks.shuffles(rng), RanksByTime.of(marks.step, scores)
    highest, listed, told = np.zeros(len(shuffles)), list(columns), []
    for name, values in listed:
        ranking = RanksByTime.of(marks.step, values.astype(np.float64))
        null = ranking.null(shuffles)
        highest[: len(null)] = np.maximum(highest[: len(null)], np.maximum(null, 1 - null))
        told.append(_look(_Column(name, values.astype(np.float64), ranking), forecast, marks, LEVEL / len(listed)))
    if not told:
        return inconclusive(NAME, "there is no telemetry")
    told.sort(key=lambda one: (one.certain, one.roc_auc), reverse=True)
    return _finding(told, float(np.quantile(highest, 1 - SCREEN)), forecast.roc_auc(marks.positives))


def _finding(told: list[_Told], chance: float, forecast: float) -> Finding:
    found = [one for one in told if one.certain > CERTAIN]
    ahead = [one for one in told if one.is_ahead and one not in found]
    best = max(told, key=lambda one: one.roc_auc)
    verdict = Severity.FOUND if found else Severity.SUSPICIOUS if ahead else Severity.CLEAR
    return Finding(
        NAME,
        verdict,
        f"{len(found):,} of {len(told):,} columns have highest values under which over half of the nodes fail (lower "
        f"bound at {LEVEL:g} for all columns), {len(ahead):,} more rank better than the forecast from all of them "
        f"({forecast:.3f}); best ROC-AUC alone {best.roc_auc:.3f} ({best.name}), chance for the best {chance:.3f}",
        told[0].certain,
        CERTAIN,
        tuple(
            f"{one.name}: ROC-AUC {one.roc_auc:.3f}, precision over {one.certain:.2f}"
            for one in (*found, *ahead)[:SHOWN]
        ),
        "leave out what is written after the fact (metrics.ignore)" if found or ahead else "",
    )


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    values: NDArray[np.float64]
    ranking: RanksByTime


def _look(column: _Column, forecast: RanksByTime, marks: LabelledRows, level: float) -> _Told:
    own = column.ranking.roc_auc(marks.positives)
    certain = max(_certain(sign * column.values, marks, level / (2 * len(SHARES))) for sign in (1.0, -1.0))
    better = column.ranking if own >= 1 / 2 else column.ranking.turned
    return _Told(column.name, max(own, 1 - own), certain, _is_ahead(better, forecast, marks, level))


def _certain(values: NDArray[np.float64], marks: LabelledRows, level: float) -> float:
    """Give the best lower bound of the share of nodes that fail among those with the highest values."""
    known = np.flatnonzero(~np.isnan(values))
    fails = np.zeros(len(values), dtype=bool)
    fails[marks.positives] = True
    order = known[np.argsort(-values[known], kind="stable")]
    return max((lower_bound(hits, count, level) for hits, count in _tops(values, order, fails, marks)), default=0.0)


def _tops(
    values: NDArray[np.float64], order: NDArray[np.int64], fails: NDArray[np.bool_], marks: LabelledRows
) -> Iterator[tuple[int, int]]:
    """Count failing nodes and nodes among the highest values, ties included, at the share of their rows that fails."""
    for share in SHARES:
        size = min(max(round(share * int(fails.sum())), 1), len(order))
        if not size:
            continue
        stop = int(np.searchsorted(-values[order], -values[order[size - 1]], "right"))
        rows = order[:stop]
        node = np.unique(marks.node[rows])
        yield int(fails[rows].mean() * len(node)), len(node)


def _is_ahead(ranking: RanksByTime, forecast: RanksByTime, marks: LabelledRows, level: float) -> bool:
    """Test whether failing rows stand higher by a column than by the forecast (paired t-test over nodes)."""
    ours, theirs = ranking.places_by_node(marks), forecast.places_by_node(marks)
    gain = np.array([ours[node] - theirs[node] for node in ours])
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return bool(error > 0 and t.sf(gain.mean() / error, len(gain) - 1) < level)
