from __future__ import annotations

from dataclasses import dataclass

import pytest

from pipelines.settings.schema import Section
from pipelines.settings.translation import into


class Fan(Section):
    speed: int = 3
    label: str = "front"


class Pump(Section):
    flow: float = 0.5
    label: str = "water"


@dataclass(frozen=True)
class Cooling:
    speed: int
    flow: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class Labelled:
    label: str


def test_fields_come_from_the_sections_by_name_and_the_rest_as_values() -> None:
    assert into(Cooling, Fan(speed=7), Pump(), name="a") == Cooling(7, 0.5, "a")


def test_a_value_replaces_that_of_a_section() -> None:
    assert into(Cooling, Fan(), Pump(), name="a", speed=9) == Cooling(9, 0.5, "a")
    assert into(Labelled, Fan(), Pump(), label="both") == Labelled("both")


def test_a_field_without_a_key_is_an_error_even_if_it_has_a_default() -> None:
    with pytest.raises(TypeError, match=r"Cooling\.flow: 0 keys of this name in Fan, 1 is needed"):
        into(Cooling, Fan(), name="a")


def test_a_field_with_a_key_in_two_sections_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"Labelled\.label: 2 keys of this name in Fan, Pump"):
        into(Labelled, Fan(), Pump())


def test_a_value_that_is_no_field_is_an_error() -> None:
    with pytest.raises(TypeError, match="colour"):
        into(Labelled, Fan(), colour="red")
