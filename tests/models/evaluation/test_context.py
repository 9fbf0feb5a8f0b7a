from __future__ import annotations

import numpy as np

from models.evaluation.context import FEWEST_FAILURES, EvaluationContext
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import Size, made_up_cases


def test_kept_rows_share_the_cell_of_their_node_and_week() -> None:
    rng = np.random.default_rng(0)
    cases = made_up_cases(rng, Size())
    resampler = draw_resampler(cases.names, cases.times[0], cases.times[-1] + cases.horizon_step, rng, 10)
    context = EvaluationContext.of(cases, resampler)
    assert context.bootstrap is not None
    rows, kept = context.bootstrap.rows[context.kept], context.bootstrap.distinct[context.bootstrap.of_kept]
    assert (rows.node == kept.node).all()
    assert (rows.week == kept.week).all()
    pairs = set(zip(kept.node.tolist(), kept.week.tolist(), strict=True))
    assert len(context.bootstrap.distinct.node) == len(pairs)


def test_too_few_failures_are_not_resampled() -> None:
    rng = np.random.default_rng(1)
    for failures in (0, FEWEST_FAILURES - 1, FEWEST_FAILURES):
        cases = made_up_cases(rng, Size(failures=failures))
        resampler = draw_resampler(cases.names, cases.times[0], cases.times[-1] + cases.horizon_step, rng, 10)
        context = EvaluationContext.of(cases, resampler)
        assert (context.bootstrap is None) == (len(context.failures.start) < FEWEST_FAILURES)
