from __future__ import annotations

import polars as pl

from models.causes.labels import OTHER, Causes, causes_of_failures, known_causes
from models.setup import CauseCriteria
from tests.features.fleets import DAY, START, event, fleet
from tests.models.causes.made_up import CRITERIA, lemons

UNKNOWN = CauseCriteria().unknown


def test_words_for_an_unknown_cause_are_no_cause_whatever_their_case_and_spaces() -> None:
    events = [
        event("a", START, cause=cause) for cause in (None, "", " Undetermined", "UNKNOWN", "fan ", "unknown disk")
    ]
    assert sorted(known_causes(fleet(events).events, UNKNOWN)["cause"]) == ["fan", "unknown disk"]


def test_maintenance_has_no_cause_of_failure() -> None:
    assert known_causes(fleet([event("a", START, cause="fan", kind="maintenance")]).events, UNKNOWN).is_empty()


def test_rare_causes_have_no_class_of_their_own() -> None:
    rare = event("n0", START + 300 * DAY, cause="gremlins")
    causes = Causes.of(lemons(rare).events, CRITERIA)
    assert causes.names == ("disk", "fan", "memory", OTHER)
    assert causes.codes(pl.Series(["fan", "gremlins", None, OTHER])).tolist() == [1, 3, -1, 3]


def test_a_failure_of_several_events_has_the_first_known_cause() -> None:
    events = [
        event("a", START, START + DAY / 2, cause="undetermined"),
        event("a", START + DAY, START + DAY, cause="fan"),
        event("a", START + 1.5 * DAY, START + 1.5 * DAY, cause="disk"),
        event("a", START + 9 * DAY, cause=None),
        event("b", START + DAY, cause="memory"),
    ]
    failures = causes_of_failures(fleet(events).events, UNKNOWN)
    assert failures.rows() == [
        ("a", START, "fan"),
        ("a", START + 9 * DAY, None),
        ("b", START + DAY, "memory"),
    ]


def test_a_cause_that_was_recorded_later_corrects_an_earlier_one() -> None:
    recorded = (("fan", 0), ("disk", 1))
    events = [event("a", START, cause=cause, recorded_at=START + late * DAY) for cause, late in recorded]
    assert causes_of_failures(fleet(events).events, UNKNOWN)["cause"].to_list() == ["disk"]


def test_without_events_there_are_no_failures_and_no_causes() -> None:
    empty = fleet().events
    assert causes_of_failures(empty, UNKNOWN).is_empty()
    assert Causes.of(empty, CRITERIA).names == (OTHER,)
