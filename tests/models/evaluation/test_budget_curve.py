from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.evaluation.budget_curve import BUDGETS, trade_off
from models.evaluation.context import set_up
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


def test_the_curve_equals_the_judgement_wherever_both_have_a_share() -> None:
    cases, scores, resampler = drawn(Size())
    told = trade_off(set_up(cases, resampler), scores, (*BUDGETS, *SHARES))
    judged = evaluate(cases, scores, SHARES, resampler)
    for model in scores:
        for share in SHARES:
            assert told.at(model, share).to_json() == judged.figure("caught_share", model, share).to_json()
            assert told.at(model, share).bounds() != (None, None)


def test_a_larger_budget_never_catches_less() -> None:
    cases, scores, resampler = drawn(Size(nodes=40))
    told = trade_off(set_up(cases, resampler), scores)
    for curve in told.caught.values():
        values = [one.value or 0.0 for one in curve]
        assert values == sorted(values)
        assert values[-1] > values[0]


def test_the_gain_is_paired_draw_by_draw() -> None:
    cases, scores, resampler = drawn(Size())
    told = trade_off(set_up(cases, resampler), scores, SHARES)
    assert all(one.to_json() == {"value": 0.0, "low": 0.0, "high": 0.0} for one in told.gain("model", "model"))
    gain, own, its = told.gain("model", "random")[1], told.at("model", 0.1), told.at("random", 0.1)
    assert own.value is not None
    assert its.value is not None
    assert own.draws is not None
    assert its.draws is not None
    assert gain.value == pytest.approx(own.value - its.value)
    assert gain.bounds() == pytest.approx(np.nanquantile(own.draws - its.draws, (0.025, 0.975)))


def test_the_best_is_named_among_those_asked_for_only() -> None:
    cases, scores, resampler = drawn(Size())
    told = trade_off(set_up(cases, resampler), scores, SHARES)
    best = max(scores, key=lambda name: told.at(name, 0.1).value or 0.0)
    assert told.best(0.1, list(scores)) == best != "random"
    assert told.best(0.1, ["random"]) == "random"
    assert told.best(0.1, ["nobody"]) is None


@pytest.mark.parametrize(("failures", "value"), [(0, None), (5, 0.0)])
def test_without_enough_failures_there_is_no_interval_and_without_any_no_value(
    failures: int, value: float | None
) -> None:
    cases, scores, resampler = drawn(Size(failures=failures))
    one = trade_off(set_up(cases, resampler), scores).at("model", 0.1)
    assert (one.value is None) == (value is None)
    assert one.bounds() == (None, None)


def test_an_undefined_figure_has_no_difference() -> None:
    assert Estimate(None).minus(Estimate(0.5)).value is None
    assert Estimate(0.5).minus(Estimate(None)).value is None
    assert Estimate(0.5).minus(Estimate(0.2, np.ones(3))) == Estimate(0.3)
