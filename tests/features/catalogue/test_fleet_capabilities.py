"""What a fleet offers, as far as a view knows."""

from __future__ import annotations

from data.schema import Metric
from features.catalogue.fleet_capabilities import FEWEST_OF_A_CAUSE, capabilities_of
from tests.features.fleets import DAY, START, event, fleet
from tests.features.strategies import at

METRICS, WINDOWS = (Metric("x"),), (DAY,)
NODES = [{"node": name, "observed_from": START, "rack": name, "hardware": "same"} for name in "ab"]


def failures(cause: str | None, count: int, start: float = 0) -> list[dict[str, object]]:
    return [event("a", at(start + hour), at(start + hour), cause=cause) for hour in range(count)]


def test_racks_and_models_count_where_they_differ() -> None:
    told = capabilities_of(fleet(nodes=NODES).view(START), METRICS, WINDOWS)
    assert (told.has_racks, told.has_hardware, told.causes) == (True, False, ())
    alone = capabilities_of(fleet(nodes=NODES[:1]).view(START), METRICS, WINDOWS)
    assert (alone.has_racks, alone.has_hardware) == (False, False)


def test_only_common_causes_are_told_apart() -> None:
    many = FEWEST_OF_A_CAUSE
    events = [*failures("fan", many), *failures("gpu", many), *failures("disk", many - 1), *failures(None, 99)]
    assert capabilities_of(fleet(events, NODES).view(at(500)), METRICS, WINDOWS).causes == ("fan", "gpu")


def test_a_cause_that_all_failures_share_tells_nothing() -> None:
    assert capabilities_of(fleet(failures("fan", 99), NODES).view(at(500)), METRICS, WINDOWS).causes == ()


def test_causes_that_become_common_later_are_not_known_yet() -> None:
    events = [*failures("fan", 40), *failures("gpu", 40, start=100)]
    assert capabilities_of(fleet(events, NODES).view(at(100)), METRICS, WINDOWS).causes == ()
    assert capabilities_of(fleet(events, NODES).view(at(150)), METRICS, WINDOWS).causes == ("fan", "gpu")
