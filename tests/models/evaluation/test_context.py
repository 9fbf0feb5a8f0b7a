from __future__ import annotations

import numpy as np

from models.evaluation.context import FEWEST_FAILURES, set_up
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import Size, made_up_cases


def test_kept_rows_share_the_cell_of_their_node_and_week() -> None:
    rng = np.random.default_rng(0)
    cases = made_up_cases(rng, Size())
    bench = set_up(cases, draw_resampler(cases.names, cases.ts.min(), cases.ts.max() + cases.horizon, rng, 10))
    assert bench.strata is not None
    every, kept = bench.strata.rows[bench.kept], bench.strata.distinct[bench.strata.of_kept]
    assert (every.node == kept.node).all()
    assert (every.week == kept.week).all()
    pairs = set(zip(kept.node.tolist(), kept.week.tolist(), strict=True))
    assert len(bench.strata.distinct.node) == len(pairs)


def test_too_few_failures_are_not_resampled() -> None:
    rng = np.random.default_rng(1)
    for failures in (0, FEWEST_FAILURES - 1, FEWEST_FAILURES):
        cases = made_up_cases(rng, Size(failures=failures))
        resampler = draw_resampler(cases.names, cases.ts.min(), cases.ts.max() + cases.horizon, rng, 10)
        bench = set_up(cases, resampler)
        assert (bench.strata is None) == (len(bench.failures.start) < FEWEST_FAILURES)
