"""Times the evaluation at a real backtest's size: `python -m tests.benchmarks.tables bench_evaluate`."""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from data.time_grid import DAY, HOUR
from models.evaluation.evaluate import AlarmBudgets, evaluate
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import Size, made_up_cases, made_up_scores

BUDGETS: Final = AlarmBudgets((0.005, 0.01, 0.02), (0.0025, 0.005, 0.01))
SIZES: Final = {
    "m100": [Size(nodes=990, steps=184 - days, failures=200, horizon=days * DAY) for days in (1, 3, 7, 14)],
    "lanl": [Size(nodes=4000, steps=365, failures=4000, horizon=7 * DAY)],
    "backblaze": [Size(nodes=60_000, steps=26, failures=1200, horizon=30 * DAY, every=7 * DAY)],
    "lanl every hour": [Size(nodes=4000, steps=168, failures=400, horizon=6 * HOUR, every=HOUR)],
}


def evaluation_seconds(size: Size) -> float:
    """Time the evaluation of seven models on one horizon."""
    rng = np.random.default_rng(0)
    cases = made_up_cases(rng, size)
    scores = made_up_scores(rng, cases)
    scores |= {f"model_{index}": rng.permutation(scores["model"]) for index in range(3)}
    resampler = draw_resampler(cases.names, cases.times[0], cases.times[-1] + cases.horizon_step, rng)
    began = time.perf_counter()
    evaluate(cases, scores, BUDGETS, resampler)
    return time.perf_counter() - began


def rows() -> list[tuple[str, str, str]]:
    """Time every horizon of each fleet's size: seven models, three alarm shares and three rates, 1,000 resamples."""
    return [
        (
            f"seven models evaluated at the size of {name}, {len(sizes)} horizons",
            f"{sum(map(evaluation_seconds, sizes)):.1f} s",
            "no target",
        )
        for name, sizes in SIZES.items()
    ]
