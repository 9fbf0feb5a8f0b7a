from datetime import UTC, datetime, timedelta
from math import sqrt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from data.schema import EVENT_SCHEMA, NODE_SCHEMA
from data.view import HINDSIGHT
from pipelines.analysis.evidence import Evidence, weigh, wilson_half_width
from pipelines.views.flows import evidence_in_words

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def events(*days: float, kind: str = "failure", node: str = "n") -> pl.DataFrame:
    rows = [
        {
            "node": f"{node}{number}",
            "start": START + day * DAY,
            "end": None,
            "kind": kind,
            "cause": None,
            "source": "s",
            "recorded_at": START + day * DAY,
            "end_recorded_at": None,
        }
        for number, day in enumerate(days)
    ]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


def nodes(count: int = 3) -> pl.DataFrame:
    rows = [{"node": f"n{number}", "observed_from": START} for number in range(count)]
    return pl.DataFrame(rows, schema=NODE_SCHEMA)


def test_failures_are_counted_once_and_by_quarter() -> None:
    table = pl.concat([events(10, 70, 80, 100), events(10, 70), events(5, 6, kind="maintenance")])
    found = weigh(table, nodes(), needed=4)
    assert (found.failures, found.failures_in_last_quarter, found.nodes) == (4, 2, 3)
    assert (found.start, found.end) == (START, START + 100 * DAY)
    assert found.is_enough_to_train


def test_a_planned_end_is_not_the_end_of_the_records() -> None:
    planned = events(60, kind="maintenance").with_columns(end_recorded_at=pl.lit(HINDSIGHT))
    assert weigh(pl.concat([events(10, 100), planned]), nodes(), needed=4).end == START + 100 * DAY


def test_fewer_failures_than_needed_are_not_enough() -> None:
    assert not weigh(events(1, 2), nodes(), needed=3).is_enough_to_train


def test_records_without_a_failure_are_weighed_too() -> None:
    found = weigh(events(5, kind="maintenance"), nodes(1), needed=1)
    assert (found.failures, found.half_width, found.is_enough_to_train) == (0, None, False)


def test_events_of_another_kind_are_named_and_count_for_nothing() -> None:
    found = weigh(pl.concat([events(1, kind="crash"), events(2, 3), events(4, kind="action")]), nodes(), needed=1)
    assert (found.failures, found.ignored_kinds) == (2, {"crash": 1})
    assert "Ignored events: 1 of kind 'crash'; those that count are of kind 'failure'" in evidence_in_words(found)
    assert "Ignored" not in evidence_in_words(weigh(events(2, 3), nodes(), needed=1))


def test_failures_after_one_that_never_ended_are_told_by_node() -> None:
    one = events(1, 5).with_columns(node=pl.lit("n1"))
    ended = events(2, 6).with_columns(node=pl.lit("n2"), end=pl.col("start"))
    found = weigh(pl.concat([one, ended]), nodes(), needed=1)
    assert (found.failures, found.unended) == (3, {"n1": 1})
    assert "is not scored: n1 (1). Give the earlier ones an end." in evidence_in_words(found)
    assert "no end" not in evidence_in_words(weigh(ended, nodes(), needed=1))


def test_an_interval_needs_twenty_failures() -> None:
    late = [99 + 0.01 * number for number in range(20)]
    assert weigh(events(*late[:19]), nodes(), needed=1).half_width is None
    assert weigh(events(*late), nodes(), needed=1).half_width == pytest.approx(wilson_half_width(0.4, 20))


@pytest.mark.parametrize("n", [20, 100, 167, 1000])
def test_the_half_width_is_scipys(n: int) -> None:
    interval = binomtest(round(0.4 * n), n).proportion_ci(method="wilson")
    assert wilson_half_width(round(0.4 * n) / n, n) == pytest.approx((interval.high - interval.low) / 2)


@given(share=st.floats(0, 1), n=st.integers(1, 10**6))
def test_more_failures_never_widen_it(share: float, n: int) -> None:
    assert 0 < wilson_half_width(share, n + 1) < wilson_half_width(share, n) < 0.5
    assert wilson_half_width(share, n) <= 1.96 / sqrt(4 * n) + 1e-9


def evidence(failures: int, half_width: float | None) -> Evidence:
    return Evidence(START, START + DAY, 9, failures, 50, 7, half_width)


def test_words_say_whether_it_is_enough() -> None:
    assert "60 failures of 9 nodes, 2024-01-01 to 2024-01-02: enough to train on" in evidence_in_words(
        evidence(60, 0.1)
    )
    assert "±0.100 at best (95%, Wilson's interval)" in evidence_in_words(evidence(60, 0.1))
    assert "fewer than model.min_failures = 50: low support" in evidence_in_words(evidence(49, None))
    assert "too few for an interval (under 20)" in evidence_in_words(evidence(49, None))


def test_a_fleet_in_which_nothing_happened_yet_has_no_failure_to_prove_anything() -> None:
    found = weigh(events().clear(), nodes(), 50)
    assert (found.failures, found.failures_in_last_quarter, found.half_width) == (0, 0, None)
    assert found.end == found.start
    assert not found.is_enough_to_train
