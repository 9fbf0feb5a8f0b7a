from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from features.grid import to_numpy, to_times
from features.training.labels import merge_failures
from models.audit.arrivals import Arrivals
from models.audit.checks import collector_outages, inventory, planned_work, recording_delays
from models.audit.finding import Finding, Severity
from tests.features.fleets import DAY, START, Fleet
from tests.models.audit.plants import DAYS, NODES, at, clean, failures, names

END = to_numpy(START + DAYS * DAY)
MINUTE = timedelta(minutes=1)


def lives(nodes: pl.DataFrame, events: pl.DataFrame) -> inventory.Lives:
    return inventory.Lives.of(nodes, merge_failures(events), END)


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


def test_an_inventory_of_everyone_is_clear() -> None:
    told = inventory.only_failing(lives(clean().nodes, clean().events))
    assert told.verdict is Severity.CLEAR
    assert told.figure.startswith("44 of 100 nodes never fail")


def test_an_inventory_of_those_that_failed_is_found() -> None:
    failed = clean().nodes.filter(pl.col("node").is_in(clean().events["node"].unique().implode()))
    assert inventory.only_failing(lives(failed, clean().events)).verdict is Severity.FOUND


def test_chao_tells_how_many_nodes_must_be_missing() -> None:
    rng = np.random.default_rng(2)
    counts = rng.poisson(rng.gamma(1.0, 1.0, 4000))
    node = np.repeat(np.arange(4000), counts)
    told, _ = inventory._unseen(_counted(np.bincount(node, minlength=4000)))
    assert 0.4 * np.sum(counts == 0) < told < np.sum(counts == 0)


def _counted(count: np.ndarray[tuple[int], np.dtype[np.int64]]) -> inventory.Lives:
    base = lives(clean().nodes, clean().events)
    return replace(base, count=count)


def test_drives_that_leave_when_they_fail_are_told_apart() -> None:
    told = inventory.leaves_with_failure(lives(*drives()), 1.0)
    assert told.verdict is Severity.CLEAR
    assert "as units that are not repaired do" in told.figure
    assert inventory.only_failing(lives(*drives())).verdict is Severity.CLEAR


def test_an_inventory_of_failed_drives_only_is_found() -> None:
    nodes, events = drives()
    failed = nodes.filter(pl.col("node").is_in(events["node"].implode()))
    assert inventory.only_failing(lives(failed, events)).verdict is Severity.FOUND


@pytest.mark.parametrize(
    ("column", "moment", "test"),
    [
        ("observed_from", pl.col("start").min(), inventory.comes_with_failure),
        ("observed_from", pl.col("start").min() + timedelta(days=3), inventory.comes_with_failure),
        ("observed_until", pl.col("start").max() + timedelta(hours=2), inventory.leaves_with_failure),
    ],
)
def test_bounds_that_are_failures_are_found(
    column: str, moment: pl.Expr, test: Callable[[inventory.Lives, float], Finding]
) -> None:
    assert test(lives(clean().nodes, clean().events), 1.0).verdict is Severity.CLEAR
    told = test(lives(with_bounds(clean(), column, moment), clean().events), 1.0)
    assert told.verdict is Severity.FOUND
    assert told.examples


def test_recording_with_delays_is_clear() -> None:
    for told in (
        recording_delays.at_once(clean().events),
        recording_delays.ahead(clean().events),
        recording_delays.in_bulk(clean().events, 7 * DAY),
    ):
        assert told.verdict is Severity.CLEAR


def test_failures_known_at_their_start_are_found() -> None:
    told = recording_delays.at_once(clean().events.with_columns(recorded_at="start"))
    assert told.verdict is Severity.FOUND
    assert told.statistic == 1.0


def test_failures_known_before_their_start_are_found() -> None:
    early = clean().events.with_columns(recorded_at=pl.col("start") - pl.duration(hours=1))
    assert recording_delays.ahead(early).verdict is Severity.FOUND
    few = clean().events.with_columns(
        recorded_at=pl.when(pl.int_range(pl.len()) < 3)
        .then(pl.col("start") - pl.duration(hours=1))
        .otherwise("recorded_at")
    )
    assert recording_delays.ahead(few).verdict is Severity.SUSPICIOUS


def test_a_filled_in_export_is_found() -> None:
    exported = clean().events.with_columns(recorded_at=pl.max_horizontal("recorded_at", pl.lit(at(60))))
    told = recording_delays.in_bulk(exported, 7 * DAY)
    assert told.verdict is Severity.FOUND
    assert "share 1 moments" in told.figure


def test_a_nightly_export_is_clear() -> None:
    nightly = clean().events.with_columns(recorded_at=pl.col("start").dt.truncate("1d") + pl.duration(days=1))
    assert recording_delays.in_bulk(nightly, 7 * DAY).verdict is Severity.CLEAR


def test_no_failure_can_not_be_told() -> None:
    assert recording_delays.at_once(clean().events.clear()).verdict is Severity.INCONCLUSIVE
    assert (
        planned_work.in_groups(
            planned_work.FailureStarts.of(clean().nodes, merge_failures(clean().events.clear()))
        ).verdict
        is Severity.INCONCLUSIVE
    )


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
    assert recording_delays.telemetry_early(arrivals).verdict is early
    assert recording_delays.telemetry_in_bulk(arrivals, 7 * DAY).verdict is bulk


def fleet_of(events: pl.DataFrame) -> planned_work.FailureStarts:
    return planned_work.FailureStarts.of(clean().nodes, merge_failures(events))


def waves(days: list[float], step: timedelta = 2 * MINUTE, count: int = 12) -> pl.DataFrame:
    """Reboot nodes one after another, by name."""
    node = np.tile(names()[:count], len(days))
    when = np.concatenate([day + np.arange(count) * (step / DAY) for day in days])
    return failures(node, when, np.full(len(node), 0.1))


def test_failures_that_come_alone_are_clear() -> None:
    assert planned_work.in_groups(fleet_of(clean().events)).verdict is Severity.CLEAR
    assert planned_work.at_peoples_hours(fleet_of(clean().events)).verdict is Severity.CLEAR


def test_planned_reboots_in_the_order_of_names_are_found() -> None:
    events = pl.concat([clean().events, waves([20.4, 51.42, 90.6])])
    told = planned_work.in_groups(fleet_of(events))
    assert told.verdict is Severity.FOUND
    assert "in the order of the nodes' names" in told.figure
    assert "3 groups" in told.figure
    assert "n000 to n011" in told.examples[0]


def test_a_rack_that_loses_power_is_no_planned_work() -> None:
    rng = np.random.default_rng(3)
    node = names()[:8]
    lost = failures(node, 40.3 + rng.exponential(0.002, 8), np.full(8, 0.5))
    told = planned_work.in_groups(fleet_of(pl.concat([clean().events, lost])))
    assert told.verdict is Severity.CLEAR
    assert told.figure.startswith("1 groups")


def test_a_group_across_racks_is_suspicious() -> None:
    rng = np.random.default_rng(3)
    node = rng.permutation(names())[:9]
    lost = failures(node, 40.3 + rng.exponential(0.002, 9), np.full(9, 0.5))
    assert planned_work.in_groups(fleet_of(pl.concat([clean().events, lost]))).verdict is Severity.SUSPICIOUS


def test_single_reboots_at_office_hours_are_found() -> None:
    rng = np.random.default_rng(4)
    day = rng.choice([at for at in range(DAYS) if (START + at * DAY).weekday() < 5], 150)
    reboots = failures(rng.choice(names(), 150), day + rng.uniform(8, 18, 150) / 24, rng.exponential(1, 150))
    told = planned_work.at_peoples_hours(fleet_of(reboots))
    assert told.verdict is Severity.FOUND
    assert told.statistic is not None
    assert told.statistic > 0.9


def test_failures_dated_by_the_day_have_no_hours() -> None:
    rng = np.random.default_rng(4)
    dated = failures(rng.choice(names(), 150), rng.integers(0, DAYS, 150).astype(float), np.full(150, 24.0))
    told = planned_work.at_peoples_hours(fleet_of(dated))
    assert told.verdict is Severity.CLEAR
    assert "not known" in told.figure


def outage_days() -> list[float]:
    return [12.2, 40.7, 77.1, 99.5, 130.3]


def blind() -> collector_outages.Intervals:
    starts = np.array([to_numpy(at(day)) for day in outage_days()])
    return starts, np.array([to_numpy(at(day + 0.25)) for day in outage_days()])


def coincide(events: pl.DataFrame, spans: collector_outages.Intervals) -> Finding:
    merged = merge_failures(events)
    told = merged["node"].to_list(), to_times(merged["start"])
    return collector_outages.coincide(told, spans, np.timedelta64(1, "D"), np.random.default_rng(1))


def test_outages_at_other_times_than_failures_are_clear() -> None:
    assert coincide(clean().events, blind()).verdict is Severity.CLEAR


def test_failures_that_follow_outages_are_found() -> None:
    rng = np.random.default_rng(6)
    after = failures(rng.choice(names(), 60), np.repeat(outage_days(), 12) + rng.uniform(0.1, 0.5, 60), np.ones(60))
    told = coincide(pl.concat([clean().events, after]), blind())
    assert told.verdict is Severity.FOUND
    assert told.examples


def test_a_collector_that_loses_most_nodes_is_an_outage() -> None:
    ends = to_numpy(START) + np.arange(100) * np.timedelta64(1, "D")
    count = np.full(100, 50)
    count[[20, 70]] = [10, 0]
    start, end = collector_outages.dips(ends, count, np.timedelta64(1, "D"))
    assert end.tolist() == ends[[20, 70]].tolist()
    assert (end - start == np.timedelta64(1, "D")).all()
    kept = np.delete(np.arange(100), 70)
    assert (
        collector_outages.dips(ends[kept], count[kept], np.timedelta64(1, "D"))[1].tolist() == ends[[20, 70]].tolist()
    )


def test_no_outage_can_not_be_told() -> None:
    nothing = np.empty(0, dtype="datetime64[us]")
    assert coincide(clean().events, (nothing, nothing)).verdict is Severity.INCONCLUSIVE
