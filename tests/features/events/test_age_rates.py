"""Rates by age, by hand where a loop can't show what they are for."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from features.events import age_rates
from features.events.history import History
from features.population.at_risk import Rows
from tests.features.fleets import DAY, START, Fleet, event, fleet
from tests.features.protocol import daily


def told(one: Fleet, days: int = 1) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Give both rates of every node at each of some days."""
    view = one.view(START + days * DAY)
    names = tuple(view.nodes()["node"].to_list())
    node, cutoff = np.divmod(np.arange(len(names) * days), days)
    history = History.of(view, Rows(names, daily(START, days), node, cutoff))
    rates = (age_rates.relative_rate(history), age_rates.relative_rate_of_hardware(history))
    of_all, of_hardware = (dict(zip(names, rate.reshape(-1, days).tolist(), strict=True)) for rate in rates)
    return of_all, of_hardware


def node(name: str, age: int, hardware: str = "x") -> dict[str, object]:
    return {"node": name, "hardware": hardware, "observed_from": START - age * DAY}


OLD = [node(f"old{number}", 400) for number in range(20)]
YOUNG = [node(f"young{number}", 5) for number in range(5)]
INFANT_DEATHS = [event(f"old{number}", START - 398 * DAY, START - 397 * DAY) for number in range(9)]


def test_young_nodes_are_at_risk_where_the_old_ones_failed_young() -> None:
    rate, _ = told(fleet(INFANT_DEATHS, OLD + YOUNG))
    assert rate["young0"][0] > 3 * rate["old0"][0]


def test_a_fleet_of_one_age_is_at_its_own_rate_whenever_it_failed() -> None:
    rate, _ = told(fleet(INFANT_DEATHS, OLD), days=10)
    assert np.array(list(rate.values())) == pytest.approx(1)


def test_a_hardware_model_that_fails_young_is_told_from_one_that_does_not() -> None:
    tough = [node(f"tough{number}", 400, "y") for number in range(20)]
    new = [node("young", 5, "x"), node("young_tough", 5, "y"), node("young_strange", 5, "z")]
    _, rate = told(fleet(INFANT_DEATHS, OLD + tough + new))
    assert rate["young"][0] > 1.2
    assert rate["young_tough"][0] < 0.8
    assert rate["young_strange"][0] == pytest.approx(1, abs=0.1)


def test_nodes_that_left_still_tell_at_which_age_they_lived() -> None:
    gone = [one | {"observed_until": START - timedelta(hours=5)} for one in OLD]
    rate, _ = told(fleet(INFANT_DEATHS, gone + YOUNG + [node("last", 400)]))
    assert rate["young0"][0] > 3 * rate["last"][0]


def test_without_a_failure_every_age_is_as_good() -> None:
    rate, hardware = told(fleet(nodes=[*OLD, *YOUNG]))
    assert rate["young0"][0] == pytest.approx(1, abs=0.3)
    assert hardware["old0"][0] == pytest.approx(1, abs=0.3)
