from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.schema import AVAILABLE_AT, TS
from features.feature import FLEET
from serving.explanation.explain import LEAST_LOG_ODDS, MOST_REASONS
from tests.features.fleets import DAY, START, event
from tests.serving.broken_fleet import CATALOGUE, HOUR, NAMES, NOW, fleet_of, healthy, reasons_of, with_fault

LN2 = math.log(2)
BROKE = START + 7 * DAY + 13 * HOUR  # the first sample of a bucket
FAN = {"fan__mean__1d": LN2}


def broken(**values: object) -> pl.DataFrame:
    return with_fault(healthy(), "n04", BROKE, **values)


def test_the_reason_for_a_broken_fan_has_its_value_the_normal_range_and_since_when() -> None:
    (reason,) = reasons_of(fleet_of(broken(fan=2_100.0)), "n04", {"fan__mean__1d": math.log(2.4)})
    assert (reason.metric, reason.statistic, reason.unit) == ("fan", "mean__1d", "RPM")
    assert reason.odds == pytest.approx(2.4)
    of_twelve = [2_100, 5_010, 5_990]  # the nodes have 2,100, 5,000, 5,100… 6,100
    assert [reason.value, reason.low, reason.high] == pytest.approx(of_twelve)
    assert (reason.since, reason.or_earlier) == (BROKE, False)
    assert reason.text == "fan speed 2,100 RPM, normal 5,010–5,990, since 8 Jan 13:00 (4.46 days): odds ×2.4"


@pytest.mark.parametrize("peer", ["fan__mean_vs_fleet__1d", "fan__mean_vs_rack__1d"])
def test_a_comparison_with_the_peers_is_shown_in_the_metrics_own_unit(peer: str) -> None:
    (reason,) = reasons_of(fleet_of(broken(fan=2_100.0)), "n04", {peer: LN2})
    where = "5,010–5,990" if "fleet" in peer else "in rack r0 3,550–5,900"
    assert reason.statistic == peer.removeprefix("fan__")
    assert reason.text == f"fan speed 2,100 RPM, normal {where}, since 8 Jan 13:00 (4.46 days): odds ×2"


@settings(max_examples=12, deadline=None)
@given(hour=st.integers(24, 24 * 11), value=st.sampled_from([2_100.0, 9_000.0]))
def test_since_is_when_the_fan_broke_up_to_a_bucket(hour: int, value: float) -> None:
    since = START + hour * HOUR
    (reason,) = reasons_of(fleet_of(with_fault(healthy(), "n04", since, fan=value)), "n04", FAN)
    assert reason.since is not None
    if since > NOW - 7 * DAY + 6 * HOUR:  # before, the first bucket of the window is out of range already
        assert abs(since - reason.since) < 6 * HOUR
        assert not reason.or_earlier
    elif since <= NOW - 7 * DAY - 6 * HOUR:
        assert (reason.since, reason.or_earlier) == (NOW - 7 * DAY, True)


def test_a_fault_from_before_the_longest_window_has_lasted_at_least_that_long() -> None:
    (reason,) = reasons_of(fleet_of(with_fault(healthy(), "n04", START, fan=2_100.0)), "n04", FAN)
    assert reason.text == "fan speed 2,100 RPM, normal 5,010–5,990, for at least 7 days: odds ×2"


def test_with_buckets_of_a_day_since_is_a_day_without_an_hour() -> None:
    daily = replace(fleet_of(broken(fan=2_100.0)), width=DAY)
    (reason,) = reasons_of(daily, "n04", FAN, NOW.replace(hour=0))
    assert reason.since == BROKE.replace(hour=0)
    assert ", since 8 Jan (" in reason.text


def test_a_fault_of_a_new_node_is_since_its_first_sample() -> None:
    telemetry = with_fault(healthy(), "n04", START, fan=2_100.0)
    telemetry = telemetry.filter((pl.col("node") != "n04") | (pl.col(TS) > NOW - 2 * DAY))
    (reason,) = reasons_of(fleet_of(telemetry, observed_from={"n04": NOW - 2 * DAY}), "n04", FAN)
    assert (reason.since, reason.or_earlier) == (NOW - 2 * DAY + HOUR, False)


def test_a_gap_does_not_end_a_run_but_a_return_to_the_range_does() -> None:
    gap = (pl.col("node") == "n04") & pl.col(TS).is_between(BROKE + DAY, BROKE + 2 * DAY)
    (with_gap,) = reasons_of(fleet_of(broken(fan=2_100.0).filter(~gap)), "n04", FAN)
    assert with_gap.since == BROKE
    repaired = with_fault(broken(fan=2_100.0), "n04", BROKE + DAY, fan=5_400.0)
    (broken_again,) = reasons_of(fleet_of(with_fault(repaired, "n04", BROKE + 2 * DAY, fan=2_100.0)), "n04", FAN)
    assert broken_again.since == BROKE + 2 * DAY


def test_a_value_in_the_normal_range_has_no_since() -> None:
    (reason,) = reasons_of(fleet_of(healthy()), "n04", FAN)
    assert reason.text == "fan speed 5,400 RPM, within the normal range 5,110–5,990: odds ×2"
    assert reason.since is None


def test_the_whole_fleet_getting_warmer_does_not_move_a_node_out_of_its_range() -> None:
    telemetry = broken(fan=2_100.0)
    hot_day = telemetry.with_columns(fan=pl.col("fan") + pl.when(pl.col(TS) > NOW - DAY).then(4_000).otherwise(0))
    (reason,) = reasons_of(fleet_of(hot_day), "n04", FAN)
    assert (reason.value, reason.since) == (6_100.0, BROKE)


def test_the_reason_for_a_silent_sensor_has_the_time_of_its_last_sample() -> None:
    (reason,) = reasons_of(fleet_of(broken(fan=math.nan)), "n04", {"fan__mean_vs_fleet__1d": LN2})
    assert (reason.value, reason.since) == (None, BROKE - HOUR)
    assert reason.text == "fan speed: no value, last seen 8 Jan 12:00 (4.5 days), normal 5,100–6,000 RPM: odds ×2"


def test_a_sensor_without_samples_has_been_silent_for_at_least_the_longest_window() -> None:
    (reason,) = reasons_of(fleet_of(with_fault(healthy(), "n04", START, fan=math.nan)), "n04", FAN)
    assert reason.text.startswith("fan speed: no value for at least 7 days, normal 5,100")


def test_the_reason_for_errors_has_their_rise_and_since_when() -> None:
    hours = (pl.col(TS) - pl.lit(BROKE)).dt.total_hours()
    (reason,) = reasons_of(
        fleet_of(broken(ecc=(hours + 1).cast(pl.Float64) * 10)), "n04", {"ecc__increase_rank__7d": LN2}
    )
    assert (reason.value, reason.low, reason.high, reason.since) == (1_080.0, 0.0, 0.0, BROKE)
    assert reason.text == (
        "corrected memory errors rose by 1,080 in 7 days, normal 0, since 8 Jan 13:00 (4.46 days): odds ×2"
    )


def test_missing_samples_are_shown_as_a_share_of_the_fleets() -> None:
    (reason,) = reasons_of(fleet_of(broken(seen_n=36.0)), "n04", {"seen_n__mean_of_fleet__1d": LN2})
    assert reason.text == (
        "sends 60% of the samples that the fleet does over 24 h (seen_n), normal 100%, since 8 Jan 13:00 (4.46 days): "
        "odds ×2"
    )


def test_since_of_an_on_change_metric_is_one_of_its_changes() -> None:
    rises = {BROKE: 8.0, BROKE + DAY + 5 * HOUR: 24.0}
    value = pl.lit(None, pl.Float64)
    for when, sectors in rises.items():
        value = pl.when(pl.col(TS) == when).then(sectors).otherwise(value)
    records = fleet_of(broken(sectors=value))
    (level,) = reasons_of(records, "n04", {"sectors__last__ever": LN2})
    (rose,) = reasons_of(records, "n04", {"sectors__increase__7d": LN2})
    assert level.text == "sectors at 24, normal 0, since 8 Jan 13:00 (4.46 days): odds ×2"
    assert rose.text == "sectors rose by 24 in 7 days, normal 0, since 8 Jan 13:00 (4.46 days): odds ×2"


def test_the_reason_for_past_failures_has_the_last_one_and_its_cause() -> None:
    day = timedelta(days=1)
    events = [
        event("n04", NOW - 9 * day, NOW - 9 * day + HOUR, cause="memory"),
        event("n04", NOW - 2.5 * day, NOW - 2.4 * day, cause="fan"),
    ]
    records = fleet_of(healthy(), events)
    (count,) = reasons_of(records, "n04", {"failures__count__30d": LN2})
    (memory,) = reasons_of(records, "n04", {"failures_memory__count__30d": LN2})
    (rack,) = reasons_of(records, "n04", {"rack__failures__7d": LN2})
    (never,) = reasons_of(records, "n05", {"failures__days_since_start__ever": LN2})
    assert count.text == "failed 2 times in 30 days, normal 0, last on 10 Jan 12:00 (fan): odds ×2"
    assert memory.text == "failed once (memory) in 30 days, normal 0, last on 4 Jan: odds ×2"
    assert rack.text == "rack r0: 1 failure in 7 days, within the normal range 0–1: odds ×2"
    assert never.text == "never failed: odds ×2"


def test_contributions_add_up_by_metric_and_the_strongest_feature_is_shown() -> None:
    log_odds = {"fan__mean__1d": 0.2, "fan__max__7d": 0.5, "fan__std__7d": -0.3, "ecc__last__7d": 0.3}
    fan, ecc = reasons_of(fleet_of(healthy()), "n04", log_odds)
    assert (fan.statistic, ecc.metric) == ("max__7d", "ecc")
    assert [fan.odds, ecc.odds] == pytest.approx([math.exp(0.4), math.exp(0.3)])


def test_a_metric_that_does_not_raise_the_risk_enough_or_is_of_the_whole_fleet_is_no_reason() -> None:
    log_odds = {"fan__mean__1d": -1.0, "ecc__last__7d": LEAST_LOG_ODDS - 1e-6, f"{FLEET}__failure_rate__7d": 3.0}
    assert reasons_of(fleet_of(healthy()), "n04", log_odds) == ()


def odds_text(odds: float) -> str:
    """Write odds with two significant digits, and as a whole number from 100 on."""
    return f"odds ×{odds:,.0f}" if odds >= 99.5 else f"odds ×{float(f'{odds:.2g}'):g}"


@settings(max_examples=12, deadline=None)
@given(st.dictionaries(st.sampled_from(CATALOGUE.names), st.floats(-2, 2), max_size=12))
@example(dict.fromkeys([f"failures__count__{days}d" for days in (3, 7, 14)], 5 / 3))
def test_reasons_are_the_strongest_sums_by_metric(log_odds: dict[str, float]) -> None:
    reasons = reasons_of(fleet_of(healthy(24)), "n04", log_odds, START + DAY)
    sums: dict[str, float] = {}
    for name, value in log_odds.items():
        metric = name.split("__")[0]
        sums[metric] = sums.get(metric, 0.0) + value
    sums.pop(FLEET, None)
    expected = sorted((value for value in sums.values() if value >= LEAST_LOG_ODDS), reverse=True)[:MOST_REASONS]
    assert [math.log(reason.odds or 0) for reason in reasons] == pytest.approx(expected)
    texts = [reason.text.rpartition(": ")[2] for reason in reasons]
    assert texts == [odds_text(reason.odds or 0) for reason in reasons]


def test_late_samples_count_at_the_time_at_which_they_were_taken() -> None:
    late = broken(fan=2_100.0).with_columns((pl.col(AVAILABLE_AT) + 9 * HOUR).alias(AVAILABLE_AT))
    (reason,) = reasons_of(fleet_of(late), "n04", {"fan__mean__7d": LN2})
    assert reason.since == BROKE


def test_nothing_that_became_known_later_changes_a_reason() -> None:
    records = fleet_of(with_fault(healthy(24 * 20), "n04", BROKE, fan=2_100.0), [event("n04", NOW + HOUR)])
    log_odds = {"fan__mean__1d": 0.5, "failures__count__30d": 0.4, "sectors__last__ever": 0.3}
    assert reasons_of(records, "n04", log_odds) == reasons_of(records.known_at(NOW), "n04", log_odds)


def test_the_order_of_records_does_not_matter() -> None:
    records = fleet_of(
        broken(fan=2_100.0, ecc=7.0), [event("n04", NOW - DAY, cause="b"), event("n04", NOW - DAY, cause="a")]
    )
    log_odds = {"fan__mean__1d": 0.5, "failures__count__30d": 0.4, "ecc__last__7d": 0.3}
    shuffled = records.shuffled(np.random.default_rng(1))
    assert reasons_of(records, "n05", log_odds) == reasons_of(shuffled, "n05", log_odds)


def test_in_a_fleet_too_small_for_a_range_the_reason_has_none() -> None:
    few = pl.col("node").is_in(NAMES[:3])
    (reason,) = reasons_of(fleet_of(healthy().filter(few), only=NAMES[:3]), "n01", FAN)
    assert (reason.low, reason.text) == (None, "fan speed 5,100 RPM: odds ×2")
