"""Models that know only when rows were written, or how many: their skill comes from the collector, not the node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.audit.finding import Finding, Severity, inconclusive
from models.audit.permutation import MIN_FAILING_NODES, RanksByTime
from models.audit.significance import LEVEL, format_p, permutation_p_value
from models.metrics.metrics import average_precision

if TYPE_CHECKING:
    from features.grid import Array
    from models.audit.permutation import LabelledCases

TIMES: Final = "timestamps alone"
COUNTS: Final = "row counts alone"
HALF: Final = 0.5  # of the forecast's skill
PERMUTATIONS: Final = 1999  # the smallest p-value that they can give is below LEVEL
FIX: Final = "see whether rows stop, or come at other times, only once a node has failed"


def check(name: str, scores: Array, forecast: Array, labelled: LabelledCases, rng: np.random.Generator) -> Finding:
    """Test whether scores that know nothing of a node's state rank the failing nodes above the others.

    `forecast`: the scores of the model with all features.
    """
    if labelled.failing_nodes < MIN_FAILING_NODES:
        return inconclusive(name, f"{labelled.failing_nodes} nodes fail in the test; {MIN_FAILING_NODES} are needed")
    ranks = RanksByTime.of(labelled.step, scores)
    area = ranks.roc_auc(labelled.positives)
    null = ranks.null_distribution(labelled.permuted_positives(rng, PERMUTATIONS))
    p = permutation_p_value(area, null)
    of_forecast = RanksByTime.of(labelled.step, forecast).roc_auc(labelled.positives)
    share = (area - 1 / 2) / max(of_forecast - 1 / 2, 1e-9)
    verdict = Severity.CLEAR if p >= LEVEL else Severity.FOUND if share >= HALF else Severity.SUSPICIOUS
    label = np.zeros(len(scores))
    label[labelled.positives] = 1
    precision = average_precision(label, scores) or 0.0
    return Finding(
        name,
        verdict,
        f"ROC-AUC {area:.3f} against {of_forecast:.3f} from all features, {max(share, 0):.0%} of its skill "
        f"(reported as 'found' from {HALF:.0%}); PR-AUC {precision:.4f} at a rate of {label.mean():.4f}; "
        f"{format_p(p)} against {LEVEL:g}",
        area,
        float(np.quantile(null, 1 - LEVEL)) if len(null) else None,
        (),
        "" if verdict is Severity.CLEAR else FIX,
    )
