from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.context import set_up
from models.evaluation.reliability_diagram import FEWEST_BINS, MOST_BINS, diagram, expectation_bins
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import START, Size, made_up_cases, made_up_scores

END = START + np.timedelta64(60, "D")


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 200), st.integers(1, 12))
def test_every_bin_expects_about_as_many_failures(seed: int, rows: int, bins: int) -> None:
    probability = np.random.default_rng(seed).random(rows) ** 3
    number = expectation_bins(probability, bins)
    expected = np.bincount(number, weights=probability, minlength=bins)
    assert len(number) == rows
    assert expected.max() <= probability.sum() / bins + probability.max() + 1e-9
    assert (np.diff(number[np.argsort(probability, kind="stable")]) >= 0).all()


def test_the_bins_hold_what_a_table_of_the_rows_holds() -> None:
    rng = np.random.default_rng(4)
    cases = made_up_cases(rng, Size(nodes=30, steps=40, failures=80))
    probability = made_up_scores(rng, cases)["model"]
    bench = set_up(cases, draw_resampler(cases.names, START, END, rng))
    bins = diagram(bench, probability)
    kept = pd.DataFrame({"p": probability, "y": cases.label}).dropna()
    kept["bin"] = expectation_bins(kept["p"].to_numpy(), int(np.clip(kept["y"].sum() // 25, FEWEST_BINS, MOST_BINS)))
    told = kept.groupby("bin").agg(forecast=("p", "mean"), failing=("y", "sum"), rows=("y", "size"))
    assert [one.rows for one in bins] == told["rows"].tolist()
    assert [one.failing for one in bins] == told["failing"].tolist()
    assert [one.forecast for one in bins] == pytest.approx(told["forecast"].tolist())
    assert [one.observed.value for one in bins] == pytest.approx((told["failing"] / told["rows"]).tolist())
    assert sum(one.failing for one in bins) == cases.label[bench.kept].sum()


def test_an_interval_is_that_of_the_rows_weighed_by_node_and_week() -> None:
    rng = np.random.default_rng(5)
    cases = made_up_cases(rng, Size(failures=60))
    bench = set_up(cases, draw_resampler(cases.names, START, END, rng))
    probability = made_up_scores(rng, cases)["model"]
    assert bench.strata is not None
    weights = bench.strata.resampler.weights(bench.strata.rows[bench.kept])
    number = expectation_bins(probability[bench.kept], len(diagram(bench, probability)))
    for at, one in enumerate(diagram(bench, probability)):
        own = number == at
        draws = (bench.label[own] @ weights[own]) / np.maximum(weights[own].sum(axis=0), 1e-12)
        assert one.observed.draws is not None
        there = weights[own].sum(axis=0) > 0
        assert one.observed.draws[there] == pytest.approx(draws[there])


def test_few_failures_have_no_interval_and_no_rows_no_bins() -> None:
    rng = np.random.default_rng(6)
    cases = made_up_cases(rng, Size(failures=5))
    resampler = draw_resampler(cases.names, START, END, rng)
    few = diagram(set_up(cases, resampler), np.full(len(cases.node), 0.1))
    assert all(one.observed.bounds() == (None, None) for one in few)
    nothing = np.zeros(0, dtype=np.int32)
    empty = replace(cases, node=nothing, ts=cases.ts[:0], label=np.zeros(0))
    assert diagram(set_up(empty, resampler), np.zeros(0)) == ()


def test_forecasts_of_zero_do_not_divide_by_zero() -> None:
    assert expectation_bins(np.zeros(4), 3).tolist() == [0, 0, 0, 0]
    assert expectation_bins(np.zeros(0), 3).tolist() == []
