from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.evaluation.context import EvaluationContext
from models.evaluation.evaluation_set import EvaluationSet
from models.evaluation.slices.groups import (
    AGES,
    AT_WORK,
    HISTORIES,
    IDLE,
    NO_GROUP,
    NOT_GIVEN,
    WORK,
    Grouping,
    by_cause,
    groupings,
)
from models.metrics.bootstrap import draw_resampler
from tests.features.fleets import DAY, START, Fleet, event, fleet

BEGIN = np.datetime64(START.replace(tzinfo=None), "us")
NODES = [
    {"node": "a", "rack": "r1", "observed_from": START - 29 * DAY},
    {"node": "b", "rack": "r2", "observed_from": START - 800 * DAY},
    {"node": "c", "observed_from": START - 100 * DAY, "observed_until": START + 9 * DAY},
]
EVENTS = [
    event("a", START + 2.5 * DAY, START + 2.6 * DAY, cause="fan"),
    event("a", START + 4.5 * DAY, START + 4.6 * DAY, cause="disk"),
    event("b", START + 3.5 * DAY, START + 3.6 * DAY, recorded_at=START + 5 * DAY),
    event("zz", START + 3.5 * DAY, START + 3.6 * DAY, cause="fan"),
]


def records() -> Fleet:
    return fleet(EVENTS, NODES)


def context() -> EvaluationContext:
    """Three nodes, scored on six days; the second one's failure became known a day and a half late."""
    node, day = np.repeat(np.arange(3, dtype=np.int32), 6), np.tile(np.arange(6), 3)
    failed = np.array([0, 0, 1, NO_GROUP], dtype=np.int32)
    start = BEGIN + np.array([60, 108, 84, 84]) * np.timedelta64(1, "h")
    times = BEGIN + np.arange(6) * np.timedelta64(1, "D")
    cases = EvaluationSet(
        names=("a", "b", "c"),
        node=node,
        ts=times[day],
        label=np.zeros(18),
        can_alarm=np.ones(18, dtype=bool),
        times=times,
        failure_node=failed,
        failure_start=start,
        horizon=2 * DAY,
        every=DAY,
        repeat=DAY,
    )
    return EvaluationContext.of(
        cases, draw_resampler(cases.names, BEGIN, BEGIN + np.timedelta64(9, "D"), np.random.default_rng(1))
    )


def by_name() -> dict[str, Grouping]:
    return {grouping.name: grouping for grouping in groupings(context(), records().view())}


def labels(grouping: Grouping) -> tuple[list[str], list[str]]:
    of_failure = [grouping.labels[group] if group != NO_GROUP else "none" for group in grouping.of_failure]
    return [grouping.labels[group] for group in grouping.of_row], of_failure


def test_racks_are_the_inventorys_and_a_node_that_it_lacks_has_no_group() -> None:
    rows, failures = labels(by_name()["rack"])
    assert rows == ["r1"] * 6 + ["r2"] * 6 + [NOT_GIVEN] * 6
    assert failures == ["r1", "r1", "r2", "none"]


def test_what_is_the_same_for_all_is_no_grouping() -> None:
    assert list(by_name()) == ["rack", "age", "history"]  # no hardware and no partition is given


def test_a_node_grows_older_during_the_window() -> None:
    rows, failures = labels(by_name()["age"])
    assert rows == [AGES[0]] + [AGES[1]] * 5 + [AGES[4]] * 6 + [AGES[1]] * 6
    assert failures == [AGES[1], AGES[1], AGES[4], "none"]


def test_a_failure_counts_as_history_from_when_it_was_recorded_and_never_for_itself() -> None:
    rows, failures = labels(by_name()["history"])
    had, had_not = HISTORIES
    assert rows == [had_not] * 3 + [had] * 3 + [had_not] * 5 + [had] + [had_not] * 6
    assert failures == [had_not, had, had_not, "none"]


def test_a_later_event_changes_no_grouping() -> None:
    later = fleet([*EVENTS, event("c", START + 7 * DAY, START + 8 * DAY)], NODES)
    known_then, known_later = (groupings(context(), whole.view()) for whole in (records(), later))
    assert len(known_then) == 3
    for before, after in zip(known_then, known_later, strict=True):
        assert (before.of_row == after.of_row).all()


def causes_of(events: list[dict[str, object]]) -> Grouping | None:
    return by_cause(context(), fleet(events, NODES).view())


def test_causes_are_those_of_the_events_that_began_each_failure() -> None:
    ordered = sorted(EVENTS, key=lambda row: str(row["node"]))
    again = event("a", START + 2.55 * DAY, START + 2.6 * DAY, cause="gpu")  # belongs to the first
    grouping = causes_of([*ordered, again])
    assert grouping is not None
    assert labels(grouping)[1] == ["fan", "disk", NOT_GIVEN, "fan"]
    assert set(grouping.of_row) == {NO_GROUP}


def test_without_any_cause_there_is_no_grouping_by_cause() -> None:
    assert causes_of([{**row, "cause": None} for row in EVENTS]) is None


def test_work_is_that_of_the_last_forecast_before_a_failure_and_unknown_where_there_was_none() -> None:
    idle = np.repeat([0.0, 1.0, np.nan], 6)
    idle[2] = 1.0  # of a, at the last cutoff before its first failure
    (work,) = (grouping for grouping in groupings(context(), records().view(), idle) if grouping.name == WORK)
    rows, failures = labels(work)
    assert rows == [AT_WORK, AT_WORK, IDLE, AT_WORK, AT_WORK, AT_WORK, *[IDLE] * 6, *[NOT_GIVEN] * 6]
    assert failures == [IDLE, AT_WORK, IDLE, "none"]
    everyone_works = groupings(context(), records().view(), np.zeros(18))
    assert WORK not in [grouping.name for grouping in everyone_works]


def test_the_work_of_a_node_that_was_not_at_risk_is_unknown() -> None:
    full = context()
    kept = full.cases.node != 1
    of_rows = {name: getattr(full.cases, name)[kept] for name in ("node", "ts", "label", "can_alarm")}
    cases = replace(full.cases, **of_rows)
    end = BEGIN + np.timedelta64(9, "D")
    fewer = EvaluationContext.of(cases, draw_resampler(cases.names, BEGIN, end, np.random.default_rng(1)))
    idle = np.array([0.0, 1.0] * 6)
    (work,) = (grouping for grouping in groupings(fewer, records().view(), idle) if grouping.name == WORK)
    assert labels(work)[1] == [AT_WORK, AT_WORK, NOT_GIVEN, "none"]
