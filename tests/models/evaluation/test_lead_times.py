from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.context import EvaluationContext, set_up
from models.evaluation.lead_times import ahead, leads, within
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import START, Size, made_up_cases


def bench_of(horizon_days: int, failures: int = 40) -> EvaluationContext:
    rng = np.random.default_rng(1)
    cases = made_up_cases(rng, Size(horizon_days=horizon_days, failures=failures))
    return set_up(cases, draw_resampler(cases.names, START, START + np.timedelta64(120, "D"), rng))


@pytest.mark.parametrize(("horizon_days", "bar_hours", "bars"), [(1, 2, 12), (3, 6, 12), (7, 12, 14), (30, 48, 15)])
def test_bars_cover_the_horizon(horizon_days: int, bar_hours: int, bars: int) -> None:
    bench = bench_of(horizon_days)
    lead = np.full(len(bench.failures.start), np.nan)
    lead[:3] = [0.5, 24.0 * horizon_days, bar_hours]
    told = leads(bench, lead)
    assert (told.bar_hours, len(told.count)) == (bar_hours, bars)
    assert told.count.sum() == 3
    assert (told.count[0], told.count[1], told.count[-1]) == (1, 1, 1)  # a lead as long as the horizon is in the last


def test_notice_counts_all_failures_and_stops_before_the_horizon() -> None:
    bench = bench_of(7)
    lead = np.full(len(bench.failures.start), np.nan)
    lead[:4] = [1.0, 6.0, 23.9, 80.0]
    told = leads(bench, lead).at_least
    assert list(told) == [1, 6, 24, 72]
    assert [round((one.value or 0.0) * len(lead)) for one in told.values()] == [4, 3, 1, 1]
    assert all(
        low <= (one.value or 0.0) <= high for one in told.values() for low, high in [one.bounds()] if low and high
    )
    assert told[1].bounds() != (None, None)


def test_a_notice_as_long_as_the_horizon_cannot_be_given() -> None:
    assert within((1, 24, 72, 168), 3) == (1, 24)
    assert ahead(24) == "caught_share_24h"


def test_without_failures_nothing_is_said() -> None:
    told = leads(bench_of(7, failures=0), np.zeros(0))
    assert told.count.sum() == 0
    assert [one.value for one in told.at_least.values()] == [None] * 4
