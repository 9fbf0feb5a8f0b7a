from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from data.time_grid import DAY, HOUR, in_hours
from models.evaluation.context import EvaluationContext
from models.evaluation.lead_times import caught_share_name, lead_times, notice_within
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import START, Size, made_up_cases

MINUTE = timedelta(minutes=1)


def context_of(horizon: timedelta, failures: int = 40) -> EvaluationContext:
    rng = np.random.default_rng(1)
    cases = made_up_cases(rng, Size(horizon=horizon, every=min(horizon, DAY), failures=failures))
    return EvaluationContext.of(cases, draw_resampler(cases.names, START, START + np.timedelta64(120, "D"), rng))


@pytest.mark.parametrize(
    ("horizon", "bar", "bars"),
    [
        (5 * MINUTE, MINUTE, 5),
        (HOUR, 5 * MINUTE, 12),
        (6 * HOUR, 30 * MINUTE, 12),
        (7 * HOUR, 30 * MINUTE, 14),
        (DAY, 2 * HOUR, 12),
        (3 * DAY, 6 * HOUR, 12),
        (7 * DAY, 12 * HOUR, 14),
        (30 * DAY, 48 * HOUR, 15),
    ],
)
def test_bars_cover_the_horizon(horizon: timedelta, bar: timedelta, bars: int) -> None:
    context = context_of(horizon)
    lead = np.full(len(context.failures.start), np.nan)
    lead[:3] = [in_hours(bar) / 4, in_hours(horizon), in_hours(bar)]
    leads = lead_times(context, lead)
    assert (leads.bar, len(leads.count)) == (bar, bars)
    assert leads.count.sum() == 3
    # a lead time as long as the horizon is in the last bar
    assert (leads.count[0], leads.count[1], leads.count[-1]) == (1, 1, 1)


def test_notice_counts_all_failures_and_stops_before_the_horizon() -> None:
    context = context_of(7 * DAY)
    lead = np.full(len(context.failures.start), np.nan)
    lead[:4] = [1.0, 6.0, 23.9, 80.0]
    at_least = lead_times(context, lead).at_least
    assert list(at_least) == [HOUR, 6 * HOUR, DAY, 3 * DAY]
    assert [round((figure.value or 0.0) * len(lead)) for figure in at_least.values()] == [4, 3, 1, 1]
    for figure in at_least.values():
        low, high = figure.bounds()
        assert low is not None
        assert high is not None
        assert low <= (figure.value or 0.0) <= high


def test_a_notice_as_long_as_the_horizon_cannot_be_given() -> None:
    assert notice_within((HOUR, DAY, 3 * DAY, 7 * DAY), 3 * DAY) == (HOUR, DAY)
    assert list(lead_times(context_of(HOUR), np.full(40, np.nan)).at_least) == [10 * MINUTE, 30 * MINUTE]
    assert list(lead_times(context_of(10 * MINUTE), np.full(40, np.nan)).at_least) == []


@pytest.mark.parametrize(
    ("every", "notices"),
    [
        (HOUR, [10 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY]),
        (DAY, [HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY]),
        (7 * DAY, [DAY, 3 * DAY, 7 * DAY]),
    ],
)
def test_a_notice_much_shorter_than_the_time_between_forecasts_is_left_out(
    every: timedelta, notices: list[timedelta]
) -> None:
    context = context_of(30 * DAY)
    context = replace(context, cases=replace(context.cases, every=every))
    assert list(lead_times(context, np.full(len(context.failures.start), np.nan)).at_least) == notices


@pytest.mark.parametrize(("notice", "name"), [(DAY, "24h"), (90 * MINUTE, "1.5h"), (HOUR, "1h"), (7 * DAY, "168h")])
def test_a_measure_names_its_notice_in_hours(notice: timedelta, name: str) -> None:
    assert caught_share_name(notice) == f"caught_share_{name}"


def test_without_failures_no_share_is_defined() -> None:
    leads = lead_times(context_of(7 * DAY, failures=0), np.zeros(0))
    assert leads.count.sum() == 0
    assert [figure.value for figure in leads.at_least.values()] == [None] * 4
