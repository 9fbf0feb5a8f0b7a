from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from data.outages import merge_failures
from features.grid import to_numpy, to_times
from models.audit.arrivals import Arrivals
from models.audit.checks import collector_outages, inventory, planned_work, recording_delays
from models.audit.finding import Finding, Severity
from tests.features.fleets import DAY, START, Fleet
from tests.models.audit.plants import DAYS, NODES, at, clean, failures, names

END = to_numpy(START + DAYS * DAY)
MINUTE = timedelta(minutes=1)


def lifetimes(nodes: pl.DataFrame, events: pl.DataFrame) -> inventory.NodeLifetimes:
    return inventory.NodeLifetimes.of(nodes, merge_failures(events), END)


def with_bounds(fleet: Fleet, column: str, moment: pl.Expr) -> pl.DataFrame:
    bounds = merge_failures(fleet.events).group_by("node").agg(moment=moment)
    return fleet.nodes.join(bounds, on="node", how="left").with_columns(pl.coalesce("moment", column).alias(column))


def drives() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw units that fail once and leave with it, and more that do not fail."""
    rng, fleet = np.random.default_rng(1), clean()
    first = rng.exponential(DAYS, NODES)
    fails = first < DAYS
    events = failures(names()[fails], first[fails], np.ones(int(fails.sum())))
    return with_bounds(replace(fleet, events=events), "observed_until", pl.col("start").max()), events


def test_an_inventory_of_all_nodes_is_clear() -> None:
    result = inventory.check_only_failing(lifetimes(clean().nodes, clean().events))
    assert result.verdict is Severity.CLEAR
    assert result.figure.startswith("44 of 100 nodes never fail")


def test_an_inventory_of_those_that_failed_is_found() -> None:
    failed = clean().nodes.filter(pl.col("node").is_in(clean().events["node"].unique().implode()))
    assert inventory.check_only_failing(lifetimes(failed, clean().events)).verdict is Severity.FOUND


def test_chaos_bound_is_below_the_number_of_nodes_that_never_fail() -> None:
    rng = np.random.default_rng(2)
    counts = rng.poisson(rng.gamma(1.0, 1.0, 4000))
    counted = replace(lifetimes(clean().nodes, clean().events), count=counts)
    bound, _ = inventory._chao_lower_bound(counted)
    assert 0.4 * np.sum(counts == 0) < bound < np.sum(counts == 0)


def test_drives_that_leave_when_they_fail_are_recognised() -> None:
    result = inventory.check_leaves_with_failure(lifetimes(*drives()), 1.0)
    assert result.verdict is Severity.CLEAR
    assert "as units that are not repaired do" in result.figure
    assert inventory.check_only_failing(lifetimes(*drives())).verdict is Severity.CLEAR


def test_an_inventory_of_failed_drives_only_is_found() -> None:
    nodes, events = drives()
    failed = nodes.filter(pl.col("node").is_in(events["node"].implode()))
    assert inventory.check_only_failing(lifetimes(failed, events)).verdict is Severity.FOUND


@pytest.mark.parametrize(
    ("column", "moment", "test"),
    [
        ("observed_from", pl.col("start").min(), inventory.check_comes_with_failure),
        ("observed_from", pl.col("start").min() + timedelta(days=3), inventory.check_comes_with_failure),
        ("observed_until", pl.col("start").max() + timedelta(hours=2), inventory.check_leaves_with_failure),
    ],
)
def test_bounds_that_are_failures_are_found(
    column: str, moment: pl.Expr, test: Callable[[inventory.NodeLifetimes, float], Finding]
) -> None:
    assert test(lifetimes(clean().nodes, clean().events), 1.0).verdict is Severity.CLEAR
    result = test(lifetimes(with_bounds(clean(), column, moment), clean().events), 1.0)
    assert result.verdict is Severity.FOUND
    assert result.examples


def test_recording_with_delays_is_clear() -> None:
    for result in (
        recording_delays.check_at_once(clean().events),
        recording_delays.check_ahead(clean().events),
        recording_delays.check_in_bulk(clean().events, 7 * DAY),
    ):
        assert result.verdict is Severity.CLEAR


def test_failures_known_at_their_start_are_found() -> None:
    result = recording_delays.check_at_once(clean().events.with_columns(recorded_at="start"))
    assert result.verdict is Severity.FOUND
    assert result.statistic == 1.0


def test_failures_known_before_their_start_are_found() -> None:
    early = clean().events.with_columns(recorded_at=pl.col("start") - pl.duration(hours=1))
    assert recording_delays.check_ahead(early).verdict is Severity.FOUND
    few = clean().events.with_columns(
        recorded_at=pl.when(pl.int_range(pl.len()) < 3)
        .then(pl.col("start") - pl.duration(hours=1))
        .otherwise("recorded_at")
    )
    assert recording_delays.check_ahead(few).verdict is Severity.SUSPICIOUS


def test_a_filled_in_export_is_found() -> None:
    exported = clean().events.with_columns(recorded_at=pl.max_horizontal("recorded_at", pl.lit(at(60))))
    result = recording_delays.check_in_bulk(exported, 7 * DAY)
    assert result.verdict is Severity.FOUND
    assert "share 1 moments" in result.figure


def test_a_nightly_export_is_clear() -> None:
    nightly = clean().events.with_columns(recorded_at=pl.col("start").dt.truncate("1d") + pl.duration(days=1))
    assert recording_delays.check_in_bulk(nightly, 7 * DAY).verdict is Severity.CLEAR


def test_without_failures_there_is_no_verdict() -> None:
    no_events = clean().events.clear()
    assert recording_delays.check_at_once(no_events).verdict is Severity.INCONCLUSIVE
    assert planned_work.check_groups(fleet_of(no_events)).verdict is Severity.INCONCLUSIVE


@pytest.mark.parametrize(
    ("arrivals", "early", "bulk"),
    [
        (Arrivals(1000, 0, 1000, 0), Severity.CLEAR, Severity.CLEAR),
        (Arrivals(1000, 5, 0, 5), Severity.SUSPICIOUS, Severity.SUSPICIOUS),
        (Arrivals(1000, 500, 0, 900), Severity.FOUND, Severity.FOUND),
        (Arrivals(0, 0, 0, 0), Severity.INCONCLUSIVE, Severity.INCONCLUSIVE),
    ],
)
def test_arrivals_of_telemetry_are_judged_by_their_share(arrivals: Arrivals, early: Severity, bulk: Severity) -> None:
    assert recording_delays.check_early_telemetry(arrivals).verdict is early
    assert recording_delays.check_telemetry_in_bulk(arrivals, 7 * DAY).verdict is bulk


def fleet_of(events: pl.DataFrame) -> planned_work.FleetFailures:
    return planned_work.FleetFailures.of(clean().nodes, merge_failures(events))


def waves(days: list[float], step: timedelta = 2 * MINUTE, count: int = 12) -> pl.DataFrame:
    """Reboot nodes one after another, by name."""
    node = np.tile(names()[:count], len(days))
    begins = np.concatenate([day + np.arange(count) * (step / DAY) for day in days])
    return failures(node, begins, np.full(len(node), 0.1))


def test_failures_that_come_alone_are_clear() -> None:
    assert planned_work.check_groups(fleet_of(clean().events)).verdict is Severity.CLEAR
    assert planned_work.check_hours(fleet_of(clean().events)).verdict is Severity.CLEAR


def test_planned_reboots_in_the_order_of_names_are_found() -> None:
    events = pl.concat([clean().events, waves([20.4, 51.42, 90.6])])
    result = planned_work.check_groups(fleet_of(events))
    assert result.verdict is Severity.FOUND
    assert "in the order of the nodes' names" in result.figure
    assert "3 groups" in result.figure
    assert "n000 to n011" in result.examples[0]


def test_a_rack_that_loses_power_is_no_planned_work() -> None:
    rng = np.random.default_rng(3)
    node = names()[:8]
    lost = failures(node, 40.3 + rng.exponential(0.002, 8), np.full(8, 0.5))
    result = planned_work.check_groups(fleet_of(pl.concat([clean().events, lost])))
    assert result.verdict is Severity.CLEAR
    assert result.figure.startswith("1 groups")


def test_a_group_across_racks_is_suspicious() -> None:
    rng = np.random.default_rng(3)
    node = rng.permutation(names())[:9]
    lost = failures(node, 40.3 + rng.exponential(0.002, 9), np.full(9, 0.5))
    assert planned_work.check_groups(fleet_of(pl.concat([clean().events, lost]))).verdict is Severity.SUSPICIOUS


def test_single_reboots_at_office_hours_are_found() -> None:
    rng = np.random.default_rng(4)
    day = rng.choice([day for day in range(DAYS) if (START + day * DAY).weekday() < 5], 150)
    reboots = failures(rng.choice(names(), 150), day + rng.uniform(8, 18, 150) / 24, rng.exponential(1, 150))
    result = planned_work.check_hours(fleet_of(reboots))
    assert result.verdict is Severity.FOUND
    assert result.statistic is not None
    assert result.statistic > 0.9


def test_failures_dated_by_the_day_have_no_hours() -> None:
    rng = np.random.default_rng(4)
    dated = failures(rng.choice(names(), 150), rng.integers(0, DAYS, 150).astype(float), np.full(150, 24.0))
    result = planned_work.check_hours(fleet_of(dated))
    assert result.verdict is Severity.CLEAR
    assert "not known" in result.figure


def outage_days() -> list[float]:
    return [12.2, 40.7, 77.1, 99.5, 130.3]


def blind() -> collector_outages.Intervals:
    starts = np.array([to_numpy(at(day)) for day in outage_days()])
    return starts, np.array([to_numpy(at(day + 0.25)) for day in outage_days()])


def check_outages(events: pl.DataFrame, outages: collector_outages.Intervals) -> Finding:
    merged = merge_failures(events)
    named_starts = merged["node"].to_list(), to_times(merged["start"])
    return collector_outages.check(named_starts, outages, np.timedelta64(1, "D"), np.random.default_rng(1))


def test_outages_at_other_times_than_failures_are_clear() -> None:
    assert check_outages(clean().events, blind()).verdict is Severity.CLEAR


def test_failures_that_follow_outages_are_found() -> None:
    rng = np.random.default_rng(6)
    after = failures(rng.choice(names(), 60), np.repeat(outage_days(), 12) + rng.uniform(0.1, 0.5, 60), np.ones(60))
    result = check_outages(pl.concat([clean().events, after]), blind())
    assert result.verdict is Severity.FOUND
    assert result.examples


def test_a_collector_that_loses_most_nodes_is_an_outage() -> None:
    ends = to_numpy(START) + np.arange(100) * np.timedelta64(1, "D")
    count = np.full(100, 50)
    count[[20, 70]] = [10, 0]
    start, end = collector_outages.find_outages(ends, count, np.timedelta64(1, "D"))
    assert end.tolist() == ends[[20, 70]].tolist()
    assert (end - start == np.timedelta64(1, "D")).all()
    kept = np.delete(np.arange(100), 70)
    _, end = collector_outages.find_outages(ends[kept], count[kept], np.timedelta64(1, "D"))
    assert end.tolist() == ends[[20, 70]].tolist()


def test_without_outages_there_is_no_verdict() -> None:
    nothing = np.empty(0, dtype="datetime64[us]")
    assert check_outages(clean().events, (nothing, nothing)).verdict is Severity.INCONCLUSIVE
