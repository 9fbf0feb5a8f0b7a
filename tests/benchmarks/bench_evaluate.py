"""Times the evaluation at a real backtest's size: `python -m tests.benchmarks.bench_evaluate m100|lanl|backblaze`."""

from __future__ import annotations

import resource
import sys
import time
from typing import Final

import numpy as np

from models.evaluate import evaluate
from models.resample import draw_resampler
from tests.models.made_up import Size, made_up_cases, made_up_scores

SHARES: Final = (0.005, 0.01, 0.02)
SIZES: Final = {
    "m100": [Size(nodes=990, steps=184 - days, failures=200, horizon_days=days) for days in (1, 3, 7, 14)],
    "lanl": [Size(nodes=4000, steps=365, failures=4000, horizon_days=7)],
    "backblaze": [Size(nodes=60_000, steps=26, failures=1200, horizon_days=30, every_days=7)],
}


def time_one(size: Size) -> float:
    """Evaluate seven models on one horizon and say how long it took."""
    rng = np.random.default_rng(0)
    cases = made_up_cases(rng, size)
    scores = made_up_scores(rng, cases)
    scores |= {f"model_{index}": rng.permutation(scores["model"]) for index in range(3)}
    resampler = draw_resampler(cases.names, cases.ts.min(), cases.ts.max() + cases.horizon, rng)
    began = time.perf_counter()
    evaluate(cases, scores, SHARES, resampler)
    seconds = time.perf_counter() - began
    sys.stdout.write(f"{len(cases.node):>9} rows, {len(scores)} models: {seconds:6.2f} s\n")
    return seconds


def main(name: str) -> None:
    """Time every horizon of one size."""
    total = sum(time_one(size) for size in SIZES[name])
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    sys.stdout.write(f"{name}: {total:.2f} s, peak {peak_mb:.0f} MB\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "m100")
