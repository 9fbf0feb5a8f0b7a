"""Failure rates by age, on small fleets for which the answer is clear."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from features.events import age_rates
from features.events.history import History
from features.population.at_risk import Rows
from tests.features.fleets import DAY, START, Fleet, event, fleet
from tests.features.protocol import daily


def relative_rates(records: Fleet, days: int = 1) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return both rates of every node on each of some days."""
    view = records.view(START + days * DAY)
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


def test_young_nodes_have_a_high_rate_if_old_ones_failed_young() -> None:
    rate, _ = relative_rates(fleet(INFANT_DEATHS, OLD + YOUNG))
    assert rate["young0"][0] > 3 * rate["old0"][0]


def test_a_fleet_of_one_age_has_its_own_rate_at_any_age() -> None:
    rate, _ = relative_rates(fleet(INFANT_DEATHS, OLD), days=10)
    assert np.array(list(rate.values())) == pytest.approx(1)


def test_a_hardware_model_that_fails_young_has_a_higher_rate_than_one_that_does_not() -> None:
    sturdy = [node(f"sturdy{number}", 400, "y") for number in range(20)]
    new = [node("young", 5, "x"), node("young_sturdy", 5, "y"), node("young_unknown", 5, "z")]
    _, rate = relative_rates(fleet(INFANT_DEATHS, OLD + sturdy + new))
    assert rate["young"][0] > 1.2
    assert rate["young_sturdy"][0] < 0.8
    assert rate["young_unknown"][0] == pytest.approx(1, abs=0.1)


def test_nodes_that_left_still_count_at_their_ages() -> None:
    departed = [row | {"observed_until": START - timedelta(hours=5)} for row in OLD]
    rate, _ = relative_rates(fleet(INFANT_DEATHS, departed + YOUNG + [node("last", 400)]))
    assert rate["young0"][0] > 3 * rate["last"][0]


def test_without_a_failure_all_ages_have_about_the_same_rate() -> None:
    rate, hardware = relative_rates(fleet(nodes=[*OLD, *YOUNG]))
    assert rate["young0"][0] == pytest.approx(1, abs=0.3)
    assert hardware["old0"][0] == pytest.approx(1, abs=0.3)
