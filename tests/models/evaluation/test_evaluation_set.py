from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from data.errors import DataError
from models.evaluation.evaluation_set import EvaluationSet, ScoringTimes, window_failures
from tests.models.made_up import START, Size, made_up_cases

DAY = np.timedelta64(86_400_000_000, "us")


def cases_with(**changes: object) -> EvaluationSet:
    small = EvaluationSet(
        names=("a", "b"),
        node=np.array([0, 0, 1], dtype=np.int32),
        ts=START + np.array([0, 1, 0]) * DAY,
        label=np.array([1.0, np.nan, 0.0]),
        can_alarm=np.array([True, True, False]),
        times=START + np.arange(2) * DAY,
        failure_node=np.array([0], dtype=np.int32),
        failure_start=np.array([START + 2 * DAY]),
        horizon=timedelta(days=7),
        every=timedelta(days=1),
        repeat=timedelta(days=1),
    )
    return replace(small, **changes)  # type: ignore[arg-type]  # the point is to pass wrong values


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"label": np.zeros(2)}, "differ in length"),
        ({"can_alarm": np.zeros(2, dtype=bool)}, "differ in length"),
        ({"times": START + np.array([1, 0]) * DAY}, "times don't ascend"),
        ({"times": START + np.array([0, 0, 1]) * DAY}, "times don't ascend"),
        ({"times": START + np.array([0, 2]) * DAY}, "is no scoring time"),
        ({"times": np.zeros(0, "datetime64[us]")}, "is no scoring time"),
        ({"failure_node": np.zeros(0, dtype=np.int32)}, "failure_node and failure_start differ"),
        ({"names": ("b", "a")}, "names aren't sorted"),
        ({"names": ("a", "a")}, "names aren't sorted"),
        ({"names": ("a",)}, "beyond names"),
        ({"failure_node": np.array([2], dtype=np.int32)}, "beyond names"),
        ({"node": np.array([-1, 0, 1], dtype=np.int32)}, "below 0"),
        ({"node": np.array([1, 0, 0], dtype=np.int32)}, "aren't sorted"),
        ({"ts": START + np.array([1, 0, 0]) * DAY}, "aren't sorted"),
        ({"ts": START + np.array([0, 0, 0]) * DAY}, "occurs twice"),
    ],
)
def test_cases_that_would_be_judged_wrongly_are_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(DataError, match=why):
        cases_with(**changes)


def test_rows_without_a_label_are_not_kept() -> None:
    assert cases_with().is_kept.tolist() == [True, False, True]


def test_the_keys_of_scoring_times_rise_with_the_rows() -> None:
    cases = made_up_cases(np.random.default_rng(0), Size())
    times = ScoringTimes.of(cases)
    assert (np.diff(times.key) > 0).all()
    assert (times.distinct[times.of_row] == cases.ts).all()
    assert (times.key // len(times.distinct) == cases.node).all()


@pytest.mark.parametrize(("offset_us", "expected"), [(0, 0), (1, 1), (8 * 86_400_000_000, 1), (8 * 86_400_000_001, 0)])
def test_the_window_is_open_at_its_start_and_closed_at_the_last_horizon(offset_us: int, expected: int) -> None:
    cases = cases_with(failure_start=np.array([START + np.timedelta64(offset_us, "us")]))
    assert len(window_failures(cases).start) == expected


EMPTY = {
    "node": np.zeros(0, dtype=np.int32),
    "ts": np.zeros(0, "datetime64[us]"),
    "label": np.zeros(0),
    "can_alarm": np.zeros(0, dtype=bool),
}


def test_the_window_is_that_of_the_scoring_times_whether_or_not_a_node_is_at_risk() -> None:
    assert len(window_failures(cases_with(**EMPTY)).start) == 1
    later = START + np.arange(9) * DAY
    last = {"failure_start": np.array([later[-1] + 7 * DAY])}
    assert len(window_failures(cases_with(times=later, **last)).start) == 1
    assert len(window_failures(cases_with(**last)).start) == 0


def test_no_scoring_times_mean_no_window() -> None:
    assert len(window_failures(cases_with(**EMPTY, times=np.zeros(0, "datetime64[us]"))).start) == 0


def test_a_refusal_names_the_horizon() -> None:
    with pytest.raises(DataError, match="cases of horizon 1h30m"):
        cases_with(names=("b", "a"), horizon=timedelta(minutes=90))
