from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import TS
from features.population.at_risk import Coverage
from serving.explanation.recent_levels import TimeSlices
from serving.scoring.not_reporting import tell_silent
from tests.features.fleets import DAY, START, Fleet
from tests.serving.shop import HOUR, NAMES, NOW, healthy, of, spoiled

if TYPE_CHECKING:
    from datetime import datetime

COVERAGE = Coverage("seen_n", 0.9)
BROKE = START + 8 * DAY


def told(shop: Fleet) -> str:
    view = shop.view(NOW)
    (reason,) = tell_silent(view, NAMES, np.array([4]), COVERAGE, TimeSlices.of(view, 7 * DAY))
    assert reason.odds is None
    return reason.text


def silent_from(start: datetime) -> pl.DataFrame:
    return healthy().filter((pl.col("node") != "n04") | (pl.col(TS) <= start))


def test_a_node_that_fell_silent_is_told_with_when_it_was_last_seen() -> None:
    assert told(of(silent_from(BROKE))) == "not reporting since 9 Jan (4 days)"


def test_a_node_that_sends_too_little_is_told_with_its_share_and_when_it_last_sent_enough() -> None:
    thin = spoiled(healthy(), "n04", BROKE + HOUR, seen_n=24.0)
    assert told(of(thin)) == "sends 40% of the samples that the fleet does (seen_n), too few since 9 Jan (4 days)"


def test_a_node_that_never_sent_enough_is_silent_for_longer_than_was_looked_or_since_it_came() -> None:
    assert told(of(silent_from(START))) == "not reporting for longer than the 7 days looked at"
    new = of(silent_from(START), came={"n04": NOW - 3 * DAY})
    assert told(new) == "not reporting since 10 Jan (3 days)"
