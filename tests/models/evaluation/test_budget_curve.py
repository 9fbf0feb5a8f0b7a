from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.evaluation.budget_curve import BUDGETS, budget_curve
from models.evaluation.context import EvaluationContext
from models.evaluation.evaluate import evaluate
from models.metrics.bootstrap import Resampler, draw_resampler
from models.metrics.estimate import Estimate
from tests.models.made_up import START, Scores, Size, made_up_cases, made_up_scores

if TYPE_CHECKING:
    from models.evaluation.evaluation_set import EvaluationSet

SHARES = (0.01, 0.1, 0.3)


def drawn(size: Size, seed: int = 3) -> tuple[EvaluationSet, Scores, Resampler]:
    rng = np.random.default_rng(seed)
    cases = made_up_cases(rng, size)
    end = START + np.timedelta64(size.steps + size.horizon_days, "D")
    return cases, made_up_scores(rng, cases), draw_resampler(cases.names, START, end, rng)


def test_the_curve_equals_the_evaluation_wherever_both_have_a_share() -> None:
    cases, scores, resampler = drawn(Size())
    curve = budget_curve(EvaluationContext.of(cases, resampler), scores, (*BUDGETS, *SHARES))
    evaluation = evaluate(cases, scores, SHARES, resampler)
    assert len(scores) == 4
    for model in scores:
        for share in SHARES:
            caught = curve.caught_share(model, share)
            assert caught.to_json() == evaluation.figure("caught_share", model, share).to_json()
            assert caught.bounds() != (None, None)


def test_a_larger_budget_never_catches_less() -> None:
    cases, scores, resampler = drawn(Size(nodes=40))
    curve = budget_curve(EvaluationContext.of(cases, resampler), scores)
    assert set(curve.caught) == set(scores)
    for caught in curve.caught.values():
        values = [figure.value or 0.0 for figure in caught]
        assert values == sorted(values)
        assert values[-1] > values[0]


def test_the_gain_is_paired_draw_by_draw() -> None:
    cases, scores, resampler = drawn(Size())
    curve = budget_curve(EvaluationContext.of(cases, resampler), scores, SHARES)
    nothing = {"value": 0.0, "low": 0.0, "high": 0.0}
    assert [gain.to_json() for gain in curve.gain("model", "model")] == [nothing] * len(SHARES)
    gain, model, random = (
        curve.gain("model", "random")[1],
        curve.caught_share("model", 0.1),
        curve.caught_share("random", 0.1),
    )
    assert model.value is not None
    assert random.value is not None
    assert model.draws is not None
    assert random.draws is not None
    assert gain.value == pytest.approx(model.value - random.value)
    assert gain.bounds() == pytest.approx(np.nanquantile(model.draws - random.draws, (0.025, 0.975)))


def test_the_best_is_named_among_the_given_models_only() -> None:
    cases, scores, resampler = drawn(Size())
    curve = budget_curve(EvaluationContext.of(cases, resampler), scores, SHARES)
    best = max(scores, key=lambda name: curve.caught_share(name, 0.1).value or 0.0)
    assert curve.best(0.1, list(scores)) == best != "random"
    assert curve.best(0.1, ["random"]) == "random"
    assert curve.best(0.1, ["unknown"]) is None


@pytest.mark.parametrize(("failures", "value"), [(0, None), (5, 0.0)])
def test_without_enough_failures_there_is_no_interval_and_without_any_no_value(
    failures: int, value: float | None
) -> None:
    cases, scores, resampler = drawn(Size(failures=failures))
    caught = budget_curve(EvaluationContext.of(cases, resampler), scores).caught_share("model", 0.1)
    assert (caught.value is None) == (value is None)
    assert caught.bounds() == (None, None)


def test_an_undefined_figure_has_no_difference() -> None:
    assert Estimate(None).minus(Estimate(0.5)).value is None
    assert Estimate(0.5).minus(Estimate(None)).value is None
    assert Estimate(0.5).minus(Estimate(0.2, np.ones(3))) == Estimate(0.3)
