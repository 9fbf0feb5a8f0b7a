from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from data.time_grid import DAY, HOUR
from models.evaluation.budget_curve import budget_curve, rates_around
from models.evaluation.context import EvaluationContext
from models.evaluation.evaluate import AlarmBudgets, evaluate
from models.metrics.bootstrap import Resampler, draw_resampler
from models.metrics.estimate import Estimate
from tests.models.made_up import START, Scores, Size, made_up_cases, made_up_scores

if TYPE_CHECKING:
    from datetime import timedelta

    from models.evaluation.evaluation_set import EvaluationSet

RATES = (0.01, 0.1, 0.3)


def drawn(size: Size, seed: int = 3) -> tuple[EvaluationSet, Scores, Resampler]:
    rng = np.random.default_rng(seed)
    cases = made_up_cases(rng, size)
    end = cases.times[-1] + cases.horizon_step
    return cases, made_up_scores(rng, cases), draw_resampler(cases.names, START, end, rng)


@pytest.mark.parametrize("every", [HOUR, DAY])
def test_the_curve_equals_the_evaluation_wherever_both_have_a_rate(every: timedelta) -> None:
    cases, scores, resampler = drawn(Size(every=every, horizon=7 * every))
    rates = tuple(rate * DAY / every for rate in RATES)
    curve = budget_curve(EvaluationContext.of(cases, resampler), scores, rates_around(0.1 * DAY / every, rates))
    evaluation = evaluate(cases, scores, AlarmBudgets((0.1,), rates), resampler)
    assert len(scores) == 4
    assert set(rates) < set(curve.rates)
    for model in scores:
        for rate in rates:
            caught = curve.caught_share(model, rate)
            assert caught.to_json() == evaluation.figure("caught_share", model, rate=rate).to_json()
            assert caught.bounds() != (None, None)


def test_rates_of_a_curve_go_from_a_tenth_to_ten_times_the_headlines() -> None:
    rates = rates_around(0.005, (0.0025, 0.005, 0.011))
    assert list(rates) == sorted(set(rates))
    assert (rates[0], rates[-1], len(rates)) == (0.0005, 0.05, 14)
    assert {0.0025, 0.005, 0.011, 0.0075} < set(rates)


def test_a_budget_of_twice_the_alarms_never_catches_less() -> None:
    # a little larger one may: an alarm that came too early keeps its node from the one that would have been in time
    cases, scores, resampler = drawn(Size(nodes=400, failures=1_000))
    curve = budget_curve(EvaluationContext.of(cases, resampler), scores, rates_around(0.05, RATES))
    assert set(curve.caught) == set(scores)
    pairs = [(low, high) for low in curve.rates for high in curve.rates if high >= 2 * low]
    for model in curve.caught:
        values = {rate: curve.caught_share(model, rate).value or 0.0 for rate in curve.rates}
        assert [(low, high) for low, high in pairs if values[high] < values[low]] == []
        assert values[curve.rates[-1]] > values[curve.rates[0]]


def test_the_gain_is_paired_draw_by_draw() -> None:
    cases, scores, resampler = drawn(Size())
    curve = budget_curve(EvaluationContext.of(cases, resampler), scores, RATES)
    nothing = {"value": 0.0, "low": 0.0, "high": 0.0}
    assert [gain.to_json() for gain in curve.gain("model", "model")] == [nothing] * len(RATES)
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
    curve = budget_curve(EvaluationContext.of(cases, resampler), scores, RATES)
    best = max(scores, key=lambda name: curve.caught_share(name, 0.1).value or 0.0)
    assert curve.best(0.1, list(scores)) == best != "random"
    assert curve.best(0.1, ["random"]) == "random"
    assert curve.best(0.1, ["unknown"]) is None


@pytest.mark.parametrize(("failures", "value"), [(0, None), (5, 0.0)])
def test_without_enough_failures_there_is_no_interval_and_without_any_no_value(
    failures: int, value: float | None
) -> None:
    cases, scores, resampler = drawn(Size(failures=failures))
    caught = budget_curve(EvaluationContext.of(cases, resampler), scores, RATES).caught_share("model", 0.1)
    assert (caught.value is None) == (value is None)
    assert caught.bounds() == (None, None)


def test_an_undefined_figure_has_no_difference() -> None:
    assert Estimate(None).minus(Estimate(0.5)).value is None
    assert Estimate(0.5).minus(Estimate(None)).value is None
    assert Estimate(0.5).minus(Estimate(0.2, np.ones(3))) == Estimate(0.3)
