from datetime import timedelta

import numpy as np
import polars as pl

from data.schema import EVENT_SCHEMA
from features.grid import to_numpy
from features.population.at_risk import Rows
from models.audit.checks.already_failing import badly_seen, under_way, unrecorded
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
    told = unrecorded(table_of(EVENT_SCHEMA, events), rows(8)).reshape(2, 8)
    assert np.flatnonzero(told[0]).tolist() == [2, 3, 4]
    assert np.flatnonzero(told[1]).tolist() == [2, 3]


def test_no_event_is_unrecorded() -> None:
    assert not unrecorded(pl.DataFrame(schema=EVENT_SCHEMA), rows(3)).any()


def test_a_node_is_badly_seen_beside_the_others_of_its_time() -> None:
    counts, cutoff = np.array([10.0, 10, 8, 100, 100, 95]), np.array([0, 0, 0, 1, 1, 1])
    assert badly_seen(counts, cutoff, 0.9).tolist() == [False, False, True, False, False, False]
    assert badly_seen(np.empty(0), np.empty(0, dtype=np.int64), 0.9).tolist() == []


def test_both_figures_are_told() -> None:
    label = [[0.0, 1, 1, 0]] * 20 + [[0.0] * 4] * 380
    told = cases(label, [(node, 3.0) for node in range(20)])
    scores = np.where(told.label == 1, 0.9, 0.1)
    ill = np.zeros(len(scores), dtype=bool)
    assert under_way(told, scores, ill, 0.05).verdict is Severity.CLEAR
    ill[np.isin(told.node, range(8)) & (told.label == 1)] = True
    found = under_way(told, scores, ill, 0.05)
    assert found.verdict is Severity.FOUND
    assert "20 of 20 failures caught (1.000)" in found.figure
    assert "8 detected, 12 predicted (0.600)" in found.figure
    assert found.examples[0] == "n000: alarm 2021-01-02T00, failure 2021-01-04T00"


def test_an_alarm_before_the_node_fell_ill_is_a_prediction() -> None:
    told = cases([[0.0, 1, 1, 0]] * 20 + [[0.0] * 4] * 380, [(node, 3.0) for node in range(20)])
    scores = np.where(told.label == 1, 0.9, 0.1)
    later = (told.label == 1) & (told.ts == told.ts[0] + np.timedelta64(timedelta(days=2)))
    assert "0 detected, 20 predicted" in under_way(told, scores, later, 0.05).figure


def test_nothing_caught_can_not_be_told() -> None:
    told = cases([[0.0] * 4] * 20, [])
    assert under_way(told, np.zeros(80), np.zeros(80, dtype=bool), 0.05).verdict is Severity.INCONCLUSIVE
