from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from features.grid import to_numpy
from pipelines.output.backtest_notes import nodes_at_risk
from pipelines.report.headline import (
    about_alarms,
    best_baseline,
    budget_lines,
    count,
    figure,
    headline,
    summary,
    tiles,
    warnings,
)
from pipelines.report.values.contents import Contents, is_simulated
from pipelines.report.values.node_timelines import MOST_ALARMED, MOST_FAILED
from tests.models.replays import HORIZONS, WINDOW, made_up
from tests.pipelines.report.reports import (
    HISTORY_START,
    LONG,
    alone,
    contents,
    every_six_hours,
    low_support,
    quiet,
    warm_before_failures,
    whole,
)

STEP = timedelta(days=1)


def test_every_horizon_is_studied_and_the_main_one_is_the_policys() -> None:
    assert [study.horizon for study in whole().studies] == list(HORIZONS)
    assert whole().main.horizon == timedelta(days=7)
    assert whole().main.rate == 0.1


def test_the_figures_are_those_of_the_evaluation() -> None:
    assert len(whole().studies) == len(HORIZONS)
    for study in whole().studies:
        assert study.evaluation.models
        for name in study.evaluation.models:
            estimate = study.evaluation.figure("caught_share", name, rate=study.rate)
            assert study.budget_curve.caught_share(name, study.rate).to_json() == estimate.to_json()
        assert sum(bin_.rows for bin_ in study.bins) == study.evaluation.models["model"].measures["rows"]
        assert study.leads.count.sum() == count(study, "failures_caught")
        assert np.isfinite(study.history.failures.lead_hours).sum() == count(study, "failures_caught")
        assert len(study.history.failures.node) == count(study, "failures")
        assert len(study.history.episodes.node) == count(study, "episodes")
        assert study.history.episodes.alarms.sum() == count(study, "episodes") == len(study.alarmed_rows)


def test_the_sentences_compare_what_was_caught_with_the_best_baseline() -> None:
    study, sentences = whole().main, summary(whole())
    assert headline(study).startswith(f"{count(study, 'failures_caught')} of {count(study, 'failures')} failures")
    assert sentences[0].startswith("At one alarm per 10 nodes and day, alarms preceded ")
    best = max(
        (name for name in study.baselines if name not in {"random", "base_rate"}),
        key=lambda name: study.evaluation.figure("caught_share", name, rate=study.rate).value or 0.0,
    )
    expected, shown = (
        study.evaluation.figure("caught_share", name, rate=study.rate).value
        for name in (best, best_baseline(study) or "")
    )
    assert expected == shown
    assert any("choosing nodes at random" in line for line in sentences)
    assert sentences[-1].startswith("The difference, ")
    assert [tile.name for tile in tiles(study)][:2] == ["of failures caught", "median lead"]
    assert [tile.interval[:5] for tile in tiles(study)] == ["95%: "] * 4


def test_false_alarms_for_each_true_one_follow_from_the_precision_of_alarms() -> None:
    precision = figure(whole().main, "precision")
    assert precision.value is not None
    assert tiles(whole().main)[2].value == f"{1 / precision.value - 1:.2g}"


def test_timelines_show_the_nodes_that_failed_most_and_count_the_rest() -> None:
    timelines, study = whole().timelines, whole().main
    failures = [len(node.failures) for node in timelines.nodes]
    assert failures == sorted(failures, reverse=True)
    assert failures[0] >= 2
    shown = {node.node for node in timelines.nodes}
    of_interest = {study.history.names[node] for node in study.history.episodes.node} | {
        study.history.names[node] for node in study.history.failures.node if node >= 0
    }
    assert shown <= of_interest
    assert len(shown) + timelines.left_out == len(of_interest)
    assert len(shown) <= MOST_FAILED + MOST_ALARMED
    alarms = [alarm for node in timelines.nodes for alarm in node.alarms]
    assert alarms
    assert [alarm for alarm in alarms if not timelines.start <= alarm.start < alarm.end] == []
    assert {(alarm.end - alarm.start).astype(timedelta) for alarm in alarms} == {study.horizon}
    for node in timelines.nodes:
        assert (node.repairs.start >= timelines.start).all()
        assert (node.repairs.end <= timelines.end).all()
    assert (timelines.blind.end <= timelines.end).all()


def test_misses_are_missed_failures_the_lowest_forecast_first_and_one_a_node() -> None:
    misses, failures = whole().misses, whole().main.history.failures
    missed = set(failures.start[np.isnan(failures.lead_hours)].tolist())
    assert misses
    assert len({miss.node for miss in misses}) == len(misses)
    assert [miss.probability for miss in misses] == sorted(miss.probability for miss in misses)
    for miss in misses:
        assert miss.moment.item() in missed
        assert miss.moment in miss.failures
        assert miss.is_miss
        assert 1 <= miss.rank <= miss.at_risk


def test_false_alarms_have_the_highest_forecasts_and_the_metrics_that_raised_them() -> None:
    alarms, horizon = whole().false_alarms, np.timedelta64(7, "D")
    assert alarms
    assert [alarm.probability for alarm in alarms] == sorted((alarm.probability for alarm in alarms), reverse=True)
    for alarm in alarms:
        assert alarm.traces
        index = int(np.searchsorted(alarm.risk.times, alarm.moment))
        assert alarm.risk.probability[index] == alarm.probability >= alarm.risk.lowest_alarmed[index]
        assert alarm.risk.is_alarmed[index]
        assert [held.label for held in alarm.risk.alarms if held.start == alarm.moment] == [0.0]
        assert not ((alarm.failures > alarm.moment) & (alarm.failures <= alarm.moment + horizon)).any()


def test_no_mistake_is_shown_past_the_end_of_the_records() -> None:
    end = to_numpy(LONG.end)
    mistakes = (*whole().misses, *whole().false_alarms)
    assert mistakes
    assert [mistake for mistake in mistakes if not mistake.start < mistake.moment <= mistake.end <= end] == []


def test_mistakes_of_short_forecasts_are_shown_over_short_times_within_the_history() -> None:
    mistakes = (*every_six_hours().misses, *every_six_hours().false_alarms)
    assert every_six_hours().main.horizon == timedelta(hours=6)
    assert mistakes
    for mistake in mistakes:
        assert to_numpy(HISTORY_START) <= mistake.start < mistake.moment
        assert mistake.moment - mistake.start <= 20 * np.timedelta64(6, "h")
        assert mistake.end - mistake.moment <= 10 * np.timedelta64(6, "h")
        assert set(np.diff(mistake.risk.times)) <= {np.timedelta64(6 * count, "h") for count in range(1, 30)}


def test_the_failures_of_a_card_are_merged_as_those_of_its_horizon() -> None:
    report = every_six_hours()
    names = report.main.history.names
    of_window = {(names[node], start) for node, start in zip(*_failures(report), strict=True) if node >= 0}
    shown = {(mistake.node, start) for mistake in (*report.misses, *report.false_alarms) for start in mistake.failures}
    inside = {pair for pair in shown if pair[1] > report.main.ts.min()}
    assert inside
    assert {pair for pair in inside if pair[1] <= report.main.ts.max()} <= of_window
    for miss in report.misses:
        assert miss.moment in miss.failures


def _failures(report: Contents) -> tuple[list[int], list[np.datetime64]]:
    failures = report.main.history.failures
    return failures.node.tolist(), list(failures.start)


def test_what_alarms_are_is_explained_once_with_their_number_for_this_fleet() -> None:
    nodes = nodes_at_risk(whole().backtest, whole().main.horizon)
    assert about_alarms(whole()) == (
        "An alarm names one node and holds for 7 days, in which the node gets no other. One alarm per 10 nodes and day "
        f"is {nodes / 10:.3g} a day for {nodes} nodes: they go to the riskiest nodes that have none."
    )
    assert "holds for 6 h" in about_alarms(every_six_hours())


def test_without_published_scores_the_last_forecast_of_the_replay_is_shown() -> None:
    scores = whole().scores
    assert scores is not None
    assert not scores.is_published
    assert to_numpy(scores.as_of) == whole().backtest.replay.rows.ts.max()
    probabilities = [node.probability for node in scores.riskiest]
    assert probabilities == sorted(probabilities, reverse=True)
    assert scores.riskiest[0].support == "ok"


def test_low_support_is_a_warning() -> None:
    assert any(line.startswith("Low support") for line in warnings(low_support()))
    scores = low_support().scores
    assert scores is not None
    assert {node.support for node in scores.riskiest} == {"low support"}


@pytest.mark.parametrize("min_failures", [10, 10_000])
def test_false_alarms_and_the_riskiest_nodes_have_reasons(min_failures: int) -> None:
    report = contents(warm_before_failures(made_up()), min_failures=min_failures)
    assert report.scores is not None
    for reasons in (report.false_alarms[0].reasons, report.scores.riskiest[0].reasons):
        assert any(reason.startswith("temperature ") and "odds" in reason for reason in reasons)


def test_where_every_node_has_the_same_risk_there_is_no_reason() -> None:
    scores = low_support().scores
    assert scores is not None
    assert len({node.probability for node in scores.riskiest}) == 1
    assert {node.reasons for node in scores.riskiest} == {()}
    assert any("Instead of a model: the fleet's rate" in line for line in warnings(low_support()))


def test_a_window_without_a_failure_has_a_note() -> None:
    report = contents(quiet(made_up()))
    assert headline(report.main) == "No failure in the window"
    assert "is unknown: nothing failed" in summary(report)[0]
    assert report.misses == ()
    assert report.timelines.nodes
    assert [node.failures for node in report.timelines.nodes if node.failures] == []
    assert [tile.value for tile in tiles(report.main)][:2] == ["\N{EN DASH}"] * 2
    assert [line[-22:] for line in budget_lines(report.main)] == ["0 of 0 failures caught"] * 3


def test_each_alarm_share_is_listed_with_its_lead() -> None:
    lines = budget_lines(whole().main)
    assert len(lines) == 3
    assert [line for line in lines if " caught, a median " not in line] == []


def test_few_failures_have_no_interval_and_a_warning() -> None:
    fleet = made_up()
    late = pl.col("start") > WINDOW.start + 2 * STEP
    failed = fleet.events.filter(pl.col("kind") == "failure", late).sort("start").slice(5)
    report = contents(replace(fleet, events=fleet.events.join(failed, on=["node", "start", "kind"], how="anti")))
    assert 0 < count(report.main, "failures") < 20
    assert any("too few for intervals" in line for line in warnings(report))
    assert [tile.interval for tile in tiles(report.main)] == [""] * 4


def test_a_fleet_of_one_node_can_be_shown() -> None:
    assert contents(alone(made_up())).nodes <= 1


@pytest.mark.parametrize(
    ("fleet", "source", "expected"),
    [("Simulated fleet", None, True), ("m100", "simulator", True), ("m100", "slurm", False), ("m100", None, False)],
)
def test_a_simulation_is_recognised_by_its_name_or_its_source(fleet: str, source: str | None, expected: bool) -> None:  # noqa: FBT001  - a case of the table
    events = made_up().events.with_columns(pl.lit(source, pl.String).alias("source"))
    assert is_simulated(fleet, replace(made_up(), events=events).view()) is expected
