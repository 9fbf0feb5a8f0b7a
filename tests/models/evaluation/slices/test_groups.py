from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.evaluation.context import EvaluationContext, set_up
from models.evaluation.evaluation_set import EvaluationSet
from models.evaluation.slices.groups import (
    AGES,
    AT_WORK,
    HISTORIES,
    IDLE,
    NOBODY,
    NOT_GIVEN,
    WORK,
    Division,
    causes,
    divisions,
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


def known() -> Fleet:
    return fleet(EVENTS, NODES)


def bench() -> EvaluationContext:
    """Three nodes, scored on six days; the second one's failure became known a day and a half late."""
    node, day = np.repeat(np.arange(3, dtype=np.int32), 6), np.tile(np.arange(6), 3)
    failed = np.array([0, 0, 1, NOBODY], dtype=np.int32)
    start = BEGIN + np.array([60, 108, 84, 84]) * np.timedelta64(1, "h")
    cases = EvaluationSet(
        ("a", "b", "c"), node, BEGIN + day * np.timedelta64(1, "D"), np.zeros(18), failed, start, 2, 1
    )
    return set_up(cases, draw_resampler(cases.names, BEGIN, BEGIN + np.timedelta64(9, "D"), np.random.default_rng(1)))


def divided() -> dict[str, Division]:
    return {one.name: one for one in divisions(bench(), known().view())}


def told(division: Division) -> tuple[list[str], list[str]]:
    of_failure = [division.labels[group] if group != NOBODY else "nobody" for group in division.of_failure]
    return [division.labels[group] for group in division.of_row], of_failure


def test_racks_are_the_inventorys_and_a_node_that_it_lacks_is_nobodys() -> None:
    rows, failures = told(divided()["rack"])
    assert rows == ["r1"] * 6 + ["r2"] * 6 + [NOT_GIVEN] * 6
    assert failures == ["r1", "r1", "r2", "nobody"]


def test_what_is_the_same_for_all_parts_nothing() -> None:
    assert list(divided()) == ["rack", "age", "history"]  # no hardware and no partition is told


def test_a_node_grows_older_during_the_window() -> None:
    rows, failures = told(divided()["age"])
    assert rows == [AGES[0]] + [AGES[1]] * 5 + [AGES[4]] * 6 + [AGES[1]] * 6
    assert failures == [AGES[1], AGES[1], AGES[4], "nobody"]


def test_a_failure_counts_as_history_from_when_it_was_recorded_and_never_for_itself() -> None:
    rows, failures = told(divided()["history"])
    had, had_not = HISTORIES
    assert rows == [had_not] * 3 + [had] * 3 + [had_not] * 5 + [had] + [had_not] * 6
    assert failures == [had_not, had, had_not, "nobody"]


def test_the_future_parts_nothing() -> None:
    later = fleet([*EVENTS, event("c", START + 7 * DAY, START + 8 * DAY)], NODES)
    known_then, known_later = (divisions(bench(), one.view()) for one in (known(), later))
    for one, other in zip(known_then, known_later, strict=True):
        assert (one.of_row == other.of_row).all()


def with_causes(events: list[dict[str, object]]) -> Division | None:
    records = fleet(events, NODES)
    return causes(bench(), records.view())


def test_causes_are_those_of_the_events_that_began_each_failure() -> None:
    ordered = sorted(EVENTS, key=lambda one: str(one["node"]))
    again = event("a", START + 2.55 * DAY, START + 2.6 * DAY, cause="gpu")  # belongs to the first
    found = with_causes([*ordered, again])
    assert found is not None
    assert told(found)[1] == ["fan", "disk", NOT_GIVEN, "fan"]
    assert set(found.of_row) == {NOBODY}


def test_without_any_cause_there_is_none_to_part_by() -> None:
    assert with_causes([{**one, "cause": None} for one in EVENTS]) is None


def test_work_is_that_of_the_last_forecast_before_a_failure_and_unknown_where_there_was_none() -> None:
    idle = np.repeat([0.0, 1.0, np.nan], 6)
    idle[2] = 1.0  # of a, at the last cutoff before its first failure
    (work,) = (one for one in divisions(bench(), known().view(), idle) if one.name == WORK)
    rows, failures = told(work)
    assert rows == [AT_WORK, AT_WORK, IDLE, AT_WORK, AT_WORK, AT_WORK, *[IDLE] * 6, *[NOT_GIVEN] * 6]
    assert failures == [IDLE, AT_WORK, IDLE, "nobody"]
    assert WORK not in [one.name for one in divisions(bench(), known().view(), np.zeros(18))]


def test_a_failure_of_a_node_that_was_not_at_risk_has_no_work_that_anybody_knows() -> None:
    full = bench()
    kept = full.cases.node != 1
    cases = replace(full.cases, node=full.cases.node[kept], ts=full.cases.ts[kept], label=full.cases.label[kept])
    end = BEGIN + np.timedelta64(9, "D")
    fewer = set_up(cases, draw_resampler(cases.names, BEGIN, end, np.random.default_rng(1)))
    (work,) = (one for one in divisions(fewer, known().view(), np.array([0.0, 1.0] * 6)) if one.name == WORK)
    assert told(work)[1] == [AT_WORK, AT_WORK, NOT_GIVEN, "nobody"]
