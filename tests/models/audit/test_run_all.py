import ast
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.outages import merge_failures
from data.schema import EVENT_SCHEMA, NODE, TS, Metric
from data.simulator.fleet import simulate
from data.simulator.history.plan import SimulationPlan
from data.simulator.signals.gauges import METRICS as SIMULATED_METRICS
from models.audit.checks import (
    already_failing,
    collection_only,
    collector_outages,
    column_lifetimes,
    idle_failures,
    mirrored_columns,
    revealing_columns,
    shuffled_failures,
)
from models.audit.finding import Finding, Severity
from models.audit.probe_forecast import middle_horizon
from models.audit.run_all import CHECKS, audit
from models.backtest.replay import BacktestWindow
from tests.features.fleets import DAY, START, Fleet
from tests.models.audit.plants import (
    METRICS,
    TEST,
    WINDOW,
    ahead_of_failure,
    at,
    clean,
    material,
    named,
    setup_of,
    with_metric,
)


def findings(fleet: Fleet, *names: str, window: BacktestWindow = WINDOW) -> tuple[Finding, ...]:
    return audit(material(fleet, window), lambda _: None, names)


def finding(fleet: Fleet, name: str) -> Finding:
    (result,) = findings(fleet, name)
    return result


@cache
def simulated() -> Fleet:
    plan = SimulationPlan(120, 120, 4, START, timedelta(hours=4))
    blocks = list(simulate(plan))
    events = pl.concat(block.events for block in blocks)
    filled = [pl.lit(None, kind).alias(name) for name, kind in EVENT_SCHEMA.items() if name not in events.columns]
    telemetry = pl.concat(block.telemetry for block in blocks)
    return Fleet(
        events.with_columns(filled).select(*EVENT_SCHEMA),
        pl.concat(block.nodes for block in blocks),
        clean().blind,
        telemetry.with_columns(available_at=pl.col(TS)),
        SIMULATED_METRICS,
    )


@cache
def of_clean() -> tuple[Finding, ...]:
    return findings(clean())


def names_of_checks(module: Path) -> set[str]:
    """Read the names that a module of models/audit/checks gives to its checks: its texts, without how to fix."""
    return {
        statement.value.value
        for statement in ast.parse(module.read_text()).body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        if isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
        if not statement.target.id.startswith("FIX")
    }


def test_every_check_of_every_module_is_run() -> None:
    modules = [path for path in Path(already_failing.__file__).parent.glob("*.py") if path.stem != "__init__"]
    names = [names_of_checks(module) for module in modules]
    assert len(names) > 10
    assert all(names)
    assert set.union(*names) == set(CHECKS)


def test_a_clean_fleet_is_clear() -> None:
    assert [result.name for result in of_clean()] == list(CHECKS)
    assert {result.verdict for result in of_clean()} == {Severity.CLEAR}


def test_a_simulated_fleet_is_clear() -> None:
    results = findings(simulated(), window=BacktestWindow(START + 80 * DAY, START + 120 * DAY))
    assert len(results) == len(CHECKS)
    assert [result for result in results if result.verdict in (Severity.FOUND, Severity.SUSPICIOUS)] == []


def test_every_finding_has_its_figure() -> None:
    conclusive = [result for result in of_clean() if result.verdict is not Severity.INCONCLUSIVE]
    assert len(conclusive) == len(CHECKS)
    assert [result.name for result in conclusive if not any(letter.isdigit() for letter in result.figure)] == []


def test_the_same_records_give_the_same_findings() -> None:
    names = (shuffled_failures.FUTURE, revealing_columns.NAME, collector_outages.NAME)
    assert findings(clean(), *names) == tuple(result for result in of_clean() if result.name in names)


def test_a_flag_that_is_set_before_the_failure_is_found() -> None:
    flag = ahead_of_failure(clean(), 5).cast(pl.Float64)
    result = finding(with_metric(clean(), "is_failed", flag), revealing_columns.NAME)
    assert result.verdict is Severity.FOUND
    assert result.examples[0].startswith("is_failed")


def with_work(fleet: Fleet, use: pl.Series) -> Fleet:
    others = (replace(metric, idle_below=None) for metric in fleet.metrics)
    return replace(with_metric(fleet, "use", use), metrics=(*others, Metric("use", idle_below=5.0)))


def test_failures_of_nodes_that_work_was_kept_off_before_are_found() -> None:
    kept_off = ahead_of_failure(clean(), 2).to_numpy()
    result = finding(with_work(clean(), pl.Series(np.where(kept_off, 0.0, 60.0))), idle_failures.NAME)
    assert result.verdict is Severity.FOUND
    assert "hit nodes that were idle" in result.figure


def test_nodes_that_are_idle_whether_they_fail_or_not_are_clear() -> None:
    number = clean().telemetry[NODE].str.slice(1).cast(pl.Int64)
    use = pl.Series(np.where(number % 3 == 0, 0.0, 60.0))
    result = finding(with_work(clean(), use), idle_failures.NAME)
    assert result.verdict is Severity.CLEAR


def test_a_repair_ticket_number_of_some_failures_is_found() -> None:
    fleet, rng = clean(), np.random.default_rng(5)
    fails = ahead_of_failure(fleet, 3).to_numpy() & (rng.random(fleet.telemetry.height) < 0.6)
    ticket = pl.Series(np.where(fails, 7000.0 + np.arange(len(fails)), np.nan))
    result = finding(with_metric(fleet, "ticket", ticket), revealing_columns.NAME)
    assert result.verdict is Severity.FOUND
    assert any("ticket" in example for example in result.examples)


def test_rows_that_are_written_more_often_before_a_failure_are_found() -> None:
    fleet = clean()
    extra = fleet.telemetry.filter(ahead_of_failure(fleet, 5)).with_columns(pl.col(TS) - pl.duration(hours=3))
    with_extra = replace(fleet, telemetry=pl.concat([fleet.telemetry, extra]))
    results = findings(with_extra, collection_only.COUNTS, collection_only.TIMES)
    assert named(results, collection_only.COUNTS).verdict is Severity.FOUND
    assert named(results, collection_only.TIMES).verdict is Severity.CLEAR


def test_rows_that_are_written_at_another_minute_before_a_failure_are_found() -> None:
    fleet = clean()
    late = pl.when(ahead_of_failure(fleet, 5)).then(pl.col(TS) - pl.duration(minutes=23)).otherwise(pl.col(TS))
    late_fleet = replace(fleet, telemetry=fleet.telemetry.with_columns(late.alias(TS)))
    results = findings(late_fleet, collection_only.COUNTS, collection_only.TIMES)
    assert named(results, collection_only.TIMES).verdict is Severity.FOUND
    assert named(results, collection_only.COUNTS).verdict is Severity.CLEAR


def test_nodes_that_are_silent_long_before_their_failure_are_detections() -> None:
    fleet = clean()
    silent = replace(fleet, telemetry=fleet.telemetry.filter(~ahead_of_failure(fleet, 4)))
    result = finding(silent, already_failing.NAME)
    assert result.verdict is Severity.FOUND
    assert result.examples
    assert "predicted" in result.figure


def test_nodes_with_few_samples_long_before_their_failure_are_detections() -> None:
    fleet = clean()
    few = pl.when(ahead_of_failure(fleet, 5)).then(40.0).otherwise("seen").alias("seen")
    with_few = replace(fleet, telemetry=fleet.telemetry.with_columns(few))
    assert finding(with_few, already_failing.NAME).verdict is Severity.FOUND


def test_failures_inside_an_event_that_was_not_recorded_yet_are_detections() -> None:
    fleet = clean()
    begun = fleet.events.with_columns(
        kind=pl.lit("maintenance"),
        start=pl.col("start") - pl.duration(days=6),
        end="start",
        end_recorded_at="recorded_at",
    )
    with_begun = replace(fleet, events=pl.concat([fleet.events, begun]))
    assert finding(with_begun, already_failing.NAME).verdict is Severity.FOUND


def test_a_column_that_begins_for_all_nodes_is_found() -> None:
    later = pl.when(pl.col(TS) >= at(70)).then(pl.col("load") + 1)
    result = finding(with_metric(clean(), "new_sensor", later), column_lifetimes.NAME)
    assert result.verdict is Severity.FOUND
    assert result.examples == ("new_sensor begins 2021-03-12 at 100 of 100 nodes",)


def test_a_column_that_ends_for_all_nodes_is_found() -> None:
    sooner = pl.when(pl.col(TS) < at(70)).then(pl.col("load") + 1)
    result = finding(with_metric(clean(), "old_sensor", sooner), column_lifetimes.NAME)
    assert result.verdict is Severity.FOUND
    assert result.examples == ("old_sensor ends 2021-03-11 at 100 of 100 nodes",)


def test_a_column_of_nodes_that_came_later_is_clear() -> None:
    fleet = clean()
    is_new = pl.col("node").is_in([f"n{number:03d}" for number in range(50)])
    rows = fleet.telemetry.filter(~is_new | (pl.col(TS) > at(60)))
    with_gpus = with_metric(replace(fleet, telemetry=rows), "gpu", pl.when(is_new).then(pl.col("load")))
    assert finding(with_gpus, column_lifetimes.NAME).verdict is Severity.CLEAR


def test_a_column_that_is_often_missing_is_clear() -> None:
    some = pl.Series(np.where(np.random.default_rng(1).random(clean().telemetry.height) < 0.2, 1.0, np.nan))
    assert finding(with_metric(clean(), "patchy", some.fill_nan(None)), column_lifetimes.NAME).verdict is Severity.CLEAR


def test_a_copy_from_the_future_is_found() -> None:
    shifted = clean().telemetry.select(pl.col("load").shift(-2).over("node", order_by=TS)).to_series()
    result = finding(with_metric(clean(), "forecast", shifted), mirrored_columns.NAME)
    assert result.verdict is Severity.FOUND
    assert result.examples[0].startswith("forecast is load of 2 buckets later")


def test_a_copy_without_a_shift_is_clear() -> None:
    assert finding(with_metric(clean(), "again", pl.col("load") * 2), mirrored_columns.NAME).verdict is Severity.CLEAR


def test_a_constant_column_is_listed() -> None:
    result = finding(with_metric(clean(), "dead", pl.lit(3.0)), column_lifetimes.CONSTANT)
    assert result.examples == ("dead: always 3",)


def test_records_without_a_failure_before_the_test_can_still_be_audited() -> None:
    fleet = clean()
    results = findings(replace(fleet, events=fleet.events.filter(pl.col("start") > at(TEST + 1))))
    for name in (
        shuffled_failures.FUTURE,
        shuffled_failures.PAST,
        revealing_columns.NAME,
        collection_only.TIMES,
        already_failing.NAME,
    ):
        assert named(results, name).verdict is Severity.INCONCLUSIVE


@pytest.mark.parametrize("metrics", [(), METRICS[:1]])
def test_fleets_of_no_or_one_metric_can_be_audited(metrics: tuple[object, ...]) -> None:
    fleet = replace(clean(), metrics=METRICS[: len(metrics)])
    results = findings(
        fleet,
        shuffled_failures.FUTURE,
        already_failing.NAME,
        collector_outages.NAME,
        column_lifetimes.NAME,
        mirrored_columns.NAME,
    )
    assert Severity.FOUND not in {result.verdict for result in results}
    assert named(results, mirrored_columns.NAME).verdict is Severity.INCONCLUSIVE


def test_the_middle_one_of_the_horizons_is_judged() -> None:
    assert middle_horizon(setup_of()) == 3 * DAY
    even = replace(setup_of(), design=replace(setup_of().design, horizons=(DAY, 2 * DAY)))
    (result,) = audit(replace(material(clean()), setup=even), lambda _: None, [shuffled_failures.FUTURE])
    assert middle_horizon(even) == 2 * DAY
    assert result.verdict is Severity.CLEAR


def test_the_setup_of_the_tests_knows_all_metrics() -> None:
    assert setup_of().metrics == METRICS
    assert merge_failures(clean().events).height > 200
