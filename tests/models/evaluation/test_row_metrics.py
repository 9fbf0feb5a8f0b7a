from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.evaluation.context import EvaluationContext
from models.evaluation.row_metrics import row_draws, row_values
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import Size, made_up_cases, made_up_scores


@pytest.mark.parametrize("name", ["random", "base_rate", "rule", "model"])
def test_a_resample_that_draws_everything_once_gives_the_figures_of_the_rows(name: str) -> None:
    rng = np.random.default_rng(2)
    cases = made_up_cases(rng, Size(nodes=40, steps=60, failures=60))
    resampler = draw_resampler(cases.names, cases.ts.min(), cases.ts.max() + cases.horizon, rng, 1)
    once = replace(resampler, nodes=np.ones_like(resampler.nodes), weeks=np.ones_like(resampler.weeks))
    context = EvaluationContext.of(cases, once)
    assert context.bootstrap is not None
    label, probability = context.label, made_up_scores(rng, cases)[name][context.kept]
    draws = row_draws(label, probability, context.bootstrap)
    assert draws.pop("kept").tolist() == [len(label)]
    values = row_values(label, probability)
    if name == "base_rate":
        del values["slope"]  # of a constant it is rounding noise, which the protocol keeps, and has no interval
        assert np.isnan(draws["slope"]).all()
    for measure, value in values.items():
        tolerance = 0.01 if measure == "slope" else 1e-9
        expected = np.nan if value is None else value
        assert draws[measure][0] == pytest.approx(expected, abs=tolerance, nan_ok=True)
