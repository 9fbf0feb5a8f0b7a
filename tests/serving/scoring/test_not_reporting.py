from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import TS
from features.population.at_risk import Coverage
from serving.explanation.recent_levels import TimeSlices
from serving.scoring.not_reporting import not_reporting_reasons
from tests.features.fleets import DAY, START, Fleet
from tests.serving.broken_fleet import HOUR, NAMES, NOW, fleet_of, healthy, with_fault

if TYPE_CHECKING:
    from datetime import datetime

COVERAGE = Coverage("seen_n", 0.9)
BROKEN_AT = START + 8 * DAY


def reason_text(records: Fleet) -> str:
    view = records.view(NOW)
    (reason,) = not_reporting_reasons(view, NAMES, np.array([4]), COVERAGE, TimeSlices.of(view, 7 * DAY))
    assert reason.odds is None
    return reason.text


def silent_from(start: datetime) -> pl.DataFrame:
    return healthy().filter((pl.col("node") != "n04") | (pl.col(TS) <= start))


def test_the_reason_for_a_silent_node_has_the_time_of_its_last_sample() -> None:
    assert reason_text(fleet_of(silent_from(BROKEN_AT))) == "not reporting since 9 Jan (4 days)"


def test_the_reason_for_a_node_with_too_few_samples_has_its_share_and_when_it_last_sent_enough() -> None:
    too_few = with_fault(healthy(), "n04", BROKEN_AT + HOUR, seen_n=24.0)
    assert (
        reason_text(fleet_of(too_few))
        == "sends 40% of the samples that the fleet does (seen_n), too few since 9 Jan (4 days)"
    )


def test_a_node_that_never_sent_enough_is_silent_for_the_whole_window_or_since_it_joined() -> None:
    assert reason_text(fleet_of(silent_from(START))) == "not reporting for at least 7 days"
    new = fleet_of(silent_from(START), observed_from={"n04": NOW - 3 * DAY})
    assert reason_text(new) == "not reporting since 10 Jan (3 days)"
