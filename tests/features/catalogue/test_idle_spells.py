"""The names of idle spells, and which nodes are idle now; the values are in telemetry/test_windows.py."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.schema import Metric
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.catalogue.idle_spells import idle_hours, idle_share, of_rows, threshold_of

DAYS = (timedelta(days=1), timedelta(days=7))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_name_holds_its_value_to_the_bit(below: float) -> None:
    assert threshold_of(idle_share(below).name) == below
    assert threshold_of(idle_hours(below).name) == below


@pytest.mark.parametrize("name", ["mean", "idle_share", "idle_share_below_", "idle_share_below_5_rank", "x_below_5"])
def test_other_names_have_no_threshold(name: str) -> None:
    assert threshold_of(name) is None


def test_a_whole_number_is_written_without_a_decimal_point() -> None:
    assert idle_share(5).name == idle_share(5.0).name == "idle_share_below_5"


def fleet_of(*metrics: Metric) -> FleetCapabilities:
    return FleetCapabilities(metrics, DAYS, has_racks=False, has_hardware=False)


def test_a_node_is_idle_now_if_every_known_metric_of_idle_spells_shows_it() -> None:
    catalogue = build(fleet_of(Metric("cpu", idle_below=2.0), Metric("gpu", idle_below=1.0)))
    features = np.full((5, len(catalogue.names)), 7.0, dtype=np.float32)
    features[:, catalogue.names.index("cpu__idle_hours_below_2__7d")] = [24, 24, 0, np.nan, np.nan]
    features[:, catalogue.names.index("gpu__idle_hours_below_1__7d")] = [1, 0, 5, 3, np.nan]
    is_idle = of_rows(catalogue, features)
    assert is_idle is not None
    assert np.array_equal(is_idle, [1, 0, 0, 1, np.nan], equal_nan=True)


def test_without_a_metric_of_idle_spells_it_is_unknown_which_nodes_are_idle() -> None:
    catalogue = build(fleet_of(Metric("cpu")))
    assert of_rows(catalogue, np.zeros((2, len(catalogue.names)), dtype=np.float32)) is None
