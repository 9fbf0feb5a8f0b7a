"""Judges other learners on the model's own features: `python -m tests.benchmarks.bench_rivals CONFIG TEST_START`.

All in one run, on the same rows and resamples; ratios with paired 95% intervals. Needs the extra `bench`.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.backtest import judge_cases
from models.evaluate import evaluate
from pipelines.backtest import Backtest, run
from pipelines.settings import PATIENT_THREADS, load, set_default_variables
from tests.benchmarks import gap_times
from tests.benchmarks.rivals import Ground, learners

if TYPE_CHECKING:
    from data.view import View
    from models.figures import Figure

MODEL: Final = "model"
SHARE: Final = 0.01
WEEK: Final = 7


def compare(found: Backtest, hindsight: View) -> None:
    """Print how the model stands to each rival, at the horizon nearest to a week or a month."""
    horizon = max(days for days in found.evaluations if days <= WEEK or len(found.evaluations) == 1)
    cases, (_, told) = judge_cases(found.replay, hindsight, horizon), found.replay.at(horizon)
    scores = dict(told)
    ground = Ground.of(found.replay, hindsight, horizon)
    for name, rival in learners(1).items():
        scores[name] = ground.forecast(rival)
    if not found.replay.setup.metrics:
        scores["Cox"] = gap_times.forecast(found.replay, hindsight, horizon)
    judged = evaluate(cases, scores, (SHARE,), found.resampler)
    sys.stdout.write(f"| {found.dataset}, {horizon:g} days | PR-AUC | model over it | caught at 1% | model over it |\n")
    sys.stdout.write("|---|---|---|---|---|\n")
    for name in scores:
        ap, caught = judged.figure("pr_auc", name), judged.figure("caught_share", name, SHARE)
        ratios = judged.ratio("pr_auc", MODEL, name), judged.ratio("caught_share", MODEL, name, SHARE)
        cells = (f"{ap.value:.3f}", _ratio(ratios[0]), f"{caught.value:.3f}", _ratio(ratios[1]))
        sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")


def _ratio(figure: Figure) -> str:
    low, high = figure.bounds()
    if figure.value is None or low is None or high is None:
        return "-"
    return f"{figure.value:.2f} [{low:.2f}, {high:.2f}]"


def main(config: str, start: str) -> None:
    """Replay a window, and compare."""
    set_default_variables(PATIENT_THREADS)
    run(load(Path(config)), datetime.fromisoformat(start).replace(tzinfo=UTC), None, keep=False, look=compare)


if __name__ == "__main__":
    main(*sys.argv[1:])
