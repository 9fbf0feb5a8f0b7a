from datetime import timedelta

import numpy as np
import polars as pl

from data.schema import EVENT_SCHEMA
from features.grid import to_numpy
from features.population.at_risk import Rows
from models.audit.checks.already_failing import check, has_few_samples, in_unrecorded_event
from models.audit.finding import Severity
from tests.features.fleets import DAY, START, event, table_of
from tests.models.audit.test_permutation import cases


def rows(days: int) -> Rows:
    cutoffs = np.array([to_numpy(START + day * DAY) for day in range(days)])
    node, cutoff = (axis.ravel() for axis in np.indices((2, days)))
    return Rows(("a", "b"), cutoffs, node, cutoff)


def test_an_event_is_unrecorded_from_its_start_until_it_was_recorded_or_over() -> None:
    events = [
        event("a", START + 1.5 * DAY, START + 9 * DAY, recorded_at=START + 4.5 * DAY),
        event("b", START + 1.5 * DAY, START + 3.5 * DAY, recorded_at=START + 5 * DAY),
        event("b", START + 6 * DAY, None, recorded_at=START + 6 * DAY),
        event("unknown", START, None, recorded_at=START + 9 * DAY),
        event("b", START, None, recorded_at=START + 9 * DAY, kind="note"),
    ]
    is_inside = in_unrecorded_event(table_of(EVENT_SCHEMA, events), rows(8)).reshape(2, 8)
    assert np.flatnonzero(is_inside[0]).tolist() == [2, 3, 4]
    assert np.flatnonzero(is_inside[1]).tolist() == [2, 3]


def test_without_events_no_row_is_inside_one() -> None:
    assert not in_unrecorded_event(pl.DataFrame(schema=EVENT_SCHEMA), rows(3)).any()


def test_samples_are_few_against_the_other_nodes_of_the_time() -> None:
    counts, cutoff = np.array([10.0, 10, 8, 100, 100, 95]), np.array([0, 0, 0, 1, 1, 1])
    assert has_few_samples(counts, cutoff, 0.9).tolist() == [False, False, True, False, False, False]
    assert has_few_samples(np.empty(0), np.empty(0, dtype=np.int64), 0.9).tolist() == []


def test_the_shares_detected_and_predicted_are_reported() -> None:
    failing = cases([[0.0, 1, 1, 0]] * 20 + [[0.0] * 4] * 380, [(node, 3.0) for node in range(20)])
    scores = np.where(failing.label == 1, 0.9, 0.1)
    is_degraded = np.zeros(len(scores), dtype=bool)
    assert check(failing, scores, is_degraded, 0.05).verdict is Severity.CLEAR
    is_degraded[np.isin(failing.node, range(8)) & (failing.label == 1)] = True
    finding = check(failing, scores, is_degraded, 0.05)
    assert finding.verdict is Severity.FOUND
    assert "20 of 20 failures caught (1.000)" in finding.figure
    assert "8 detected, 12 predicted (0.600)" in finding.figure
    assert finding.examples[0] == "n000: alarm 2021-01-02T00:00, failure 2021-01-04T00:00"


def test_an_alarm_before_the_node_was_degraded_is_a_prediction() -> None:
    failing = cases([[0.0, 1, 1, 0]] * 20 + [[0.0] * 4] * 380, [(node, 3.0) for node in range(20)])
    scores = np.where(
        failing.label == 1, 0.9, np.where(failing.node < 20, 0.0, 0.1)
    )  # others rest from the first day on
    later = (failing.label == 1) & (failing.ts == failing.ts[0] + np.timedelta64(timedelta(days=2)))
    assert "0 detected, 20 predicted" in check(failing, scores, later, 0.05).figure


def test_where_nothing_is_caught_there_is_no_verdict() -> None:
    healthy = cases([[0.0] * 4] * 20, [])
    assert check(healthy, np.zeros(80), np.zeros(80, dtype=bool), 0.05).verdict is Severity.INCONCLUSIVE
