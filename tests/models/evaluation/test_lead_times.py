from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.context import EvaluationContext
from models.evaluation.lead_times import caught_share_name, lead_times, notice_within
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import START, Size, made_up_cases


def context_of(horizon_days: int, failures: int = 40) -> EvaluationContext:
    rng = np.random.default_rng(1)
    cases = made_up_cases(rng, Size(horizon_days=horizon_days, failures=failures))
    return EvaluationContext.of(cases, draw_resampler(cases.names, START, START + np.timedelta64(120, "D"), rng))


@pytest.mark.parametrize(("horizon_days", "bar_hours", "bars"), [(1, 2, 12), (3, 6, 12), (7, 12, 14), (30, 48, 15)])
def test_bars_cover_the_horizon(horizon_days: int, bar_hours: int, bars: int) -> None:
    context = context_of(horizon_days)
    lead = np.full(len(context.failures.start), np.nan)
    lead[:3] = [0.5, 24.0 * horizon_days, bar_hours]
    leads = lead_times(context, lead)
    assert (leads.bar_hours, len(leads.count)) == (bar_hours, bars)
    assert leads.count.sum() == 3
    # a lead time as long as the horizon is in the last bar
    assert (leads.count[0], leads.count[1], leads.count[-1]) == (1, 1, 1)


def test_notice_counts_all_failures_and_stops_before_the_horizon() -> None:
    context = context_of(7)
    lead = np.full(len(context.failures.start), np.nan)
    lead[:4] = [1.0, 6.0, 23.9, 80.0]
    at_least = lead_times(context, lead).at_least
    assert list(at_least) == [1, 6, 24, 72]
    assert [round((figure.value or 0.0) * len(lead)) for figure in at_least.values()] == [4, 3, 1, 1]
    for figure in at_least.values():
        low, high = figure.bounds()
        assert low is not None
        assert high is not None
        assert low <= (figure.value or 0.0) <= high


def test_a_notice_as_long_as_the_horizon_cannot_be_given() -> None:
    assert notice_within((1, 24, 72, 168), 3) == (1, 24)
    assert caught_share_name(24) == "caught_share_24h"


def test_without_failures_no_share_is_defined() -> None:
    leads = lead_times(context_of(7, failures=0), np.zeros(0))
    assert leads.count.sum() == 0
    assert [figure.value for figure in leads.at_least.values()] == [None] * 4
