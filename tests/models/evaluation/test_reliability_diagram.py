from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.evaluation.context import EvaluationContext
from models.evaluation.reliability_diagram import FEWEST_BINS, MOST_BINS, reliability_diagram
from models.metrics.bins import equal_expectation_bins
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import START, Size, made_up_cases, made_up_scores

END = START + np.timedelta64(60, "D")


def test_the_bins_hold_what_a_table_of_the_rows_holds() -> None:
    rng = np.random.default_rng(4)
    cases = made_up_cases(rng, Size(nodes=30, steps=40, failures=80))
    probability = made_up_scores(rng, cases)["model"]
    context = EvaluationContext.of(cases, draw_resampler(cases.names, START, END, rng))
    diagram = reliability_diagram(context, probability)
    kept = pd.DataFrame({"p": probability, "y": cases.label}).dropna()
    bins = int(np.clip(kept["y"].sum() // 25, FEWEST_BINS, MOST_BINS))
    kept["bin"] = equal_expectation_bins(kept["p"].to_numpy(), bins)
    expected = kept.groupby("bin").agg(forecast=("p", "mean"), failing=("y", "sum"), rows=("y", "size"))
    assert [part.rows for part in diagram] == expected["rows"].tolist()
    assert [part.failing for part in diagram] == expected["failing"].tolist()
    assert [part.forecast for part in diagram] == pytest.approx(expected["forecast"].tolist())
    observed = (expected["failing"] / expected["rows"]).tolist()
    assert [part.observed.value for part in diagram] == pytest.approx(observed)
    assert sum(part.failing for part in diagram) == cases.label[context.kept].sum()


def test_an_interval_is_that_of_the_rows_weighed_by_node_and_week() -> None:
    rng = np.random.default_rng(5)
    cases = made_up_cases(rng, Size(failures=60))
    context = EvaluationContext.of(cases, draw_resampler(cases.names, START, END, rng))
    probability = made_up_scores(rng, cases)["model"]
    assert context.bootstrap is not None
    weights = context.bootstrap.resampler.weights(context.bootstrap.rows[context.kept])
    diagram = reliability_diagram(context, probability)
    assert len(diagram) >= FEWEST_BINS
    bin_of_row = equal_expectation_bins(probability[context.kept], len(diagram))
    for i, part in enumerate(diagram):
        is_inside = bin_of_row == i
        total = weights[is_inside].sum(axis=0)
        draws = (context.label[is_inside] @ weights[is_inside]) / np.maximum(total, 1e-12)
        assert part.observed.draws is not None
        assert part.observed.draws[total > 0] == pytest.approx(draws[total > 0])


def test_few_failures_have_no_interval_and_no_rows_no_bins() -> None:
    rng = np.random.default_rng(6)
    cases = made_up_cases(rng, Size(failures=5))
    resampler = draw_resampler(cases.names, START, END, rng)
    few = reliability_diagram(EvaluationContext.of(cases, resampler), np.full(len(cases.node), 0.1))
    assert len(few) == FEWEST_BINS
    assert {part.observed.bounds() for part in few} == {(None, None)}
    nothing = np.zeros(0, dtype=np.int32)
    empty = replace(cases, node=nothing, ts=cases.ts[:0], label=np.zeros(0), can_alarm=np.zeros(0, dtype=bool))
    assert reliability_diagram(EvaluationContext.of(empty, resampler), np.zeros(0)) == ()
