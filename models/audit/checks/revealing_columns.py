"""Columns that reveal too much on their own: written after the failure, or by a person who knew of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import t

from models.audit.finding import MOST_EXAMPLES, Finding, Severity, inconclusive
from models.audit.permutation import MIN_FAILING_NODES, RanksByTime
from models.audit.significance import LEVEL, lower_bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from features.grid import Array, Index
    from models.audit.permutation import LabelledCases

NAME: Final = "columns that tell too much"
CERTAIN: Final = 0.5  # of the nodes with a column's highest values fail: more often than not
SHARES: Final = (0.125, 0.25, 0.5, 1.0)  # of as many rows as fail
SCREEN: Final = 0.05  # the level at which the best ROC-AUC by chance is reported
FIX: Final = "leave out what is written after the fact (metrics.ignore)"


@dataclass(frozen=True, slots=True)
class _ColumnResult:
    name: str
    roc_auc: float  # of the direction in which it is at least one half
    precision: float  # lower bound of the share of nodes that fail among those with the highest values
    is_better: bool  # ranks better than the forecast from all features

    @property
    def is_certain(self) -> bool:
        return self.precision > CERTAIN


def check(
    columns: Iterable[tuple[str, NDArray[np.float32]]],
    labelled: LabelledCases,
    scores: Array,
    rng: np.random.Generator,
) -> Finding:
    """Test each column alone: do its highest values mean failure more often than not, or rank better than the forecast?

    The caller leaves out what is computed from events: their times are tested elsewhere.
    """
    if labelled.failing_nodes < MIN_FAILING_NODES:
        return inconclusive(NAME, f"{labelled.failing_nodes} nodes fail in the test; {MIN_FAILING_NODES} are needed")
    permutations, forecast = labelled.permuted_positives(rng), RanksByTime.of(labelled.step, scores)
    every, results, highest = list(columns), [], np.zeros(len(permutations))
    for name, column in every:
        values = column.astype(np.float64)
        ranks = RanksByTime.of(labelled.step, values)
        null = ranks.null_distribution(permutations)
        highest[: len(null)] = np.maximum(highest[: len(null)], np.maximum(null, 1 - null))
        results.append(_ColumnTest(values, ranks, labelled, LEVEL / len(every)).result(name, forecast))
    if not results:
        return inconclusive(NAME, "there is no telemetry")
    results.sort(key=lambda result: (result.precision, result.roc_auc), reverse=True)
    return _finding(results, float(np.quantile(highest, 1 - SCREEN)), forecast.roc_auc(labelled.positives))


def _finding(results: list[_ColumnResult], by_chance: float, forecast: float) -> Finding:
    """Summarise the results, the highest precision first; `by_chance` and `forecast` are ROC-AUCs."""
    certain = [result for result in results if result.is_certain]
    better = [result for result in results if result.is_better and not result.is_certain]
    best = max(results, key=lambda result: result.roc_auc)
    return Finding(
        NAME,
        Severity.FOUND if certain else Severity.SUSPICIOUS if better else Severity.CLEAR,
        f"{len(certain):,} of {len(results):,} columns have highest values under which over half of the nodes fail "
        f"(lower bound at {LEVEL:g} for all columns), {len(better):,} more rank better than the forecast from all of "
        f"them ({forecast:.3f}); best ROC-AUC alone {best.roc_auc:.3f} ({best.name}), chance for the best "
        f"{by_chance:.3f}",
        results[0].precision,
        CERTAIN,
        tuple(
            f"{result.name}: ROC-AUC {result.roc_auc:.3f}, precision over {result.precision:.2f}"
            for result in (*certain, *better)[:MOST_EXAMPLES]
        ),
        FIX if certain or better else "",
    )


@dataclass(frozen=True, slots=True)
class _ColumnTest:
    values: Array
    ranks: RanksByTime
    labelled: LabelledCases
    level: float  # corrected for the number of columns

    def result(self, name: str, forecast: RanksByTime) -> _ColumnResult:
        area = self.ranks.roc_auc(self.labelled.positives)
        precision = max(self._precision(sign * self.values) for sign in (1.0, -1.0))
        ranks = self.ranks if area >= 1 / 2 else self.ranks.inverted
        return _ColumnResult(name, max(area, 1 - area), precision, self._is_better(ranks, forecast))

    def _precision(self, values: Array) -> float:
        """Return the best lower bound of the share of nodes that fail among those with the highest values."""
        level = self.level / (2 * len(SHARES))
        return max((lower_bound(hits, count, level) for hits, count in self._tops(values)), default=0.0)

    def _tops(self, values: Array) -> Iterator[tuple[int, int]]:
        """Yield failing nodes and nodes among the highest values, ties included, at the share of their rows that fails.

        Once for each size of the top.
        """
        positions = np.flatnonzero(~np.isnan(values))
        fails = np.zeros(len(values), dtype=bool)
        fails[self.labelled.positives] = True
        order = positions[np.argsort(-values[positions], kind="stable")]
        for share in SHARES:
            size = min(max(round(share * int(fails.sum())), 1), len(order))
            if size:
                rows = self._top(values, order, size)
                node = np.unique(self.labelled.node[rows])
                yield int(fails[rows].mean() * len(node)), len(node)

    @staticmethod
    def _top(values: Array, order: Index, size: int) -> Index:
        """Return the rows with the highest values, and those that tie with the last of them."""
        return order[: int(np.searchsorted(-values[order], -values[order[size - 1]], "right"))]

    def _is_better(self, ranks: RanksByTime, forecast: RanksByTime) -> bool:
        """Test whether failing rows rank higher by a column than by the forecast (paired t-test over nodes)."""
        of_column, of_forecast = (each.mean_by_failing_node(self.labelled) for each in (ranks, forecast))
        gain = np.array([of_column[node] - of_forecast[node] for node in of_column])
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        return bool(error > 0 and t.sf(gain.mean() / error, len(gain) - 1) < self.level)
