"""The capabilities of a fleet, as far as a view knows them."""

from __future__ import annotations

from data.schema import Metric
from features.catalogue.fleet_capabilities import FEWEST_OF_A_CAUSE, capabilities_of
from tests.features.fleets import DAY, START, event, fleet
from tests.features.strategies import at

METRICS, WINDOWS = (Metric("x"),), (DAY,)
NODES = [{"node": name, "observed_from": START, "rack": name, "hardware": "same"} for name in "ab"]


def failures(cause: str | None, count: int, start: float = 0) -> list[dict[str, object]]:
    return [event("a", at(start + hour), at(start + hour), cause=cause) for hour in range(count)]


def test_racks_and_hardware_count_only_if_they_differ() -> None:
    capabilities = capabilities_of(fleet(nodes=NODES).view(START), METRICS, WINDOWS)
    assert (capabilities.has_racks, capabilities.has_hardware, capabilities.causes) == (True, False, ())
    of_one_node = capabilities_of(fleet(nodes=NODES[:1]).view(START), METRICS, WINDOWS)
    assert (of_one_node.has_racks, of_one_node.has_hardware) == (False, False)


def test_only_common_causes_are_distinguished() -> None:
    many = FEWEST_OF_A_CAUSE
    events = [*failures("fan", many), *failures("gpu", many), *failures("disk", many - 1), *failures(None, 99)]
    assert capabilities_of(fleet(events, NODES).view(at(500)), METRICS, WINDOWS).causes == ("fan", "gpu")


def test_a_cause_that_all_failures_share_distinguishes_nothing() -> None:
    assert capabilities_of(fleet(failures("fan", 99), NODES).view(at(500)), METRICS, WINDOWS).causes == ()


def test_causes_that_become_common_later_are_not_known_yet() -> None:
    events = [*failures("fan", 40), *failures("gpu", 40, start=100)]
    assert capabilities_of(fleet(events, NODES).view(at(100)), METRICS, WINDOWS).causes == ()
    assert capabilities_of(fleet(events, NODES).view(at(150)), METRICS, WINDOWS).causes == ("fan", "gpu")
