"""Models that see only when rows were written, or how many: what they know, the collector gave away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.audit.finding import Finding, Severity, inconclusive
from models.audit.permutation import RanksByTime
from models.audit.significance import LEVEL, beyond, p_words
from models.metrics.metrics import average_precision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.audit.permutation import LabelledRows

TIMES: Final = "timestamps alone"
COUNTS: Final = "row counts alone"
FEWEST: Final = 10  # failing nodes
HALF: Final = 0.5  # of the forecast's skill
SHUFFLES: Final = 1999  # the least p that they can tell is below LEVEL


def blindfold(
    name: str, scores: NDArray[np.float64], forecast: NDArray[np.float64], marks: LabelledRows, rng: np.random.Generator
) -> Finding:
    """Test whether a model that sees nothing of a node's state still ranks the failing ones above the others."""
    if marks.failing_nodes < FEWEST:
        return inconclusive(name, f"{marks.failing_nodes} nodes fail in the test; {FEWEST} are needed")
    ranking = RanksByTime.of(marks.step, scores)
    own, null = ranking.roc_auc(marks.positives), ranking.null(marks.shuffles(rng, SHUFFLES))
    p, whole = beyond(own, null), RanksByTime.of(marks.step, forecast).roc_auc(marks.positives)
    share = (own - 1 / 2) / max(whole - 1 / 2, 1e-9)
    verdict = Severity.CLEAR if p >= LEVEL else Severity.FOUND if share >= HALF else Severity.SUSPICIOUS
    label = np.zeros(len(scores))
    label[marks.positives] = 1
    precision = average_precision(label, scores) or 0.0
    return Finding(
        name,
        verdict,
        f"ROC-AUC {own:.3f} beside {whole:.3f} from everything, {max(share, 0):.0%} of its skill (found "
        f"from {HALF:.0%} on); PR-AUC {precision:.4f} at a rate of {label.mean():.4f}; {p_words(p)} against {LEVEL:g}",
        own,
        float(np.quantile(null, 1 - LEVEL)) if len(null) else None,
        (),
        ""
        if verdict is Severity.CLEAR
        else "see whether rows stop, or come at other times, only once a node has failed",
    )
