from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from features.grid import to_numpy
from pipelines.report.headline import by_budget, count, figure, headline, rival, story, tiles, warnings
from pipelines.report.values.contents import is_simulated
from pipelines.report.values.node_timelines import ALARMED, FAILED
from tests.models.replays import HORIZONS, WINDOW, made_up
from tests.pipelines.report.reports import LONG, alone, contents, low_support, quiet, whole

STEP = timedelta(days=1)


def test_every_horizon_is_studied_and_the_headline_is_the_policys() -> None:
    assert [one.horizon_days for one in whole().studies] == list(HORIZONS)
    assert whole().headline.horizon_days == 7
    assert whole().headline.share == 0.1


def test_the_figures_are_those_of_the_judgement() -> None:
    for study in whole().studies:
        for name in study.evaluation.models:
            judged = study.evaluation.figure("caught_share", name, study.share)
            assert study.tradeoff.caught_share(name, study.share).to_json() == judged.to_json()
        assert sum(one.rows for one in study.bins) == study.evaluation.models["model"].measures["rows"]
        assert study.leads.count.sum() == count(study, "failures_caught")
        assert np.isfinite(study.story.failures.lead_hours).sum() == count(study, "failures_caught")
        assert len(study.story.failures.node) == count(study, "failures")
        assert len(study.story.episodes.node) == count(study, "alarm_episodes")
        assert study.story.episodes.alarms.sum() == count(study, "alarms") == len(study.alarmed)


def test_the_sentences_say_what_was_caught_beside_the_best_baseline() -> None:
    study, told = whole().headline, story(whole())
    assert headline(study).startswith(f"{count(study, 'failures_caught')} of {count(study, 'failures')} failures")
    assert told[0].startswith("Alarms on 10% of the nodes each day preceded ")
    best = max(
        (name for name in study.rivals if name not in {"random", "base_rate"}),
        key=lambda name: study.evaluation.figure("caught_share", name, study.share).value or 0.0,
    )
    own, its = (study.evaluation.figure("caught_share", name, study.share).value for name in (best, rival(study) or ""))
    assert own == its
    assert any("choosing nodes at random" in line for line in told)
    assert told[-1].startswith("The difference, ")
    assert [tile.what for tile in tiles(study)][:2] == ["of failures caught", "median lead"]
    assert all(tile.interval.startswith("95%: ") for tile in tiles(study))


def test_false_alarms_for_each_true_one_follow_from_the_precision_of_episodes() -> None:
    precision = figure(whole().headline, "episode_precision")
    assert precision.value is not None
    assert tiles(whole().headline)[2].value == f"{1 / precision.value - 1:.2g}"


def test_lanes_show_the_nodes_that_failed_most_and_count_the_rest() -> None:
    told, study = whole().lanes, whole().headline
    failures = [len(lane.failures) for lane in told.lanes]
    assert failures == sorted(failures, reverse=True)
    assert failures[0] >= 2
    shown = {lane.node for lane in told.lanes}
    of_interest = {study.story.names[node] for node in study.story.episodes.node} | {
        study.story.names[node] for node in study.story.failures.node if node >= 0
    }
    assert shown <= of_interest
    assert len(shown) + told.left_out == len(of_interest)
    assert len(shown) <= FAILED + ALARMED
    for lane in told.lanes:
        assert all(told.start <= alarm.start < alarm.end for alarm in lane.alarms)
        assert (lane.repairs.start >= told.start).all()
        assert (lane.repairs.end <= told.end).all()
    assert (told.blind.end <= told.end).all()


def test_misses_are_failures_that_were_missed_least_likely_first_and_one_a_node() -> None:
    told, struck = whole().misses, whole().headline.story.failures
    missed = set(struck.start[np.isnan(struck.lead_hours)].tolist())
    assert told
    assert len({one.node for one in told}) == len(told)
    assert [one.probability for one in told] == sorted(one.probability for one in told)
    for one in told:
        assert one.moment.item() in missed
        assert one.moment in one.failures
        assert one.is_miss
        assert 1 <= one.rank <= one.of


def test_false_alarms_are_the_most_certain_ones_and_draw_what_raised_them() -> None:
    told = whole().false_alarms
    assert all(one.traces for one in told)
    assert [one.probability for one in told] == sorted((one.probability for one in told), reverse=True)
    for one in told:
        at = int(np.searchsorted(one.risk.times, one.moment))
        assert one.risk.probability[at] == one.probability >= one.risk.threshold[at]
        horizon = np.timedelta64(7, "D")
        assert not ((one.failures > one.moment) & (one.failures <= one.moment + horizon)).any()
        assert one.alarms >= 1


def test_no_closeup_looks_past_the_end_of_the_records() -> None:
    end = to_numpy(LONG.end)
    assert all(one.start < one.moment <= one.end <= end for one in (*whole().misses, *whole().false_alarms))


def test_without_published_scores_the_last_forecast_tells_how_the_fleet_stands() -> None:
    standing = whole().standing
    assert standing is not None
    assert not standing.is_published
    assert to_numpy(standing.as_of) == whole().found.replay.rows.ts.max()
    chances = [one.probability for one in standing.riskiest]
    assert chances == sorted(chances, reverse=True)
    assert standing.riskiest[0].support == "ok"


def test_low_support_is_said_first() -> None:
    assert any(line.startswith("Low support") for line in warnings(low_support()))
    standing = low_support().standing
    assert standing is not None
    assert {one.support for one in standing.riskiest} == {"low support"}


def test_reasons_are_told_of_false_alarms_and_of_the_riskiest() -> None:
    standing = low_support().standing
    assert standing is not None
    for told in (low_support().false_alarms[0].reasons, standing.riskiest[0].reasons):
        assert any("as often as the fleet" in reason and "odds" in reason for reason in told)


def test_a_window_without_a_failure_says_so() -> None:
    told = contents(quiet(made_up()))
    assert headline(told.headline) == "No failure in the window"
    assert "can't be told" in story(told)[0]
    assert told.misses == ()
    assert all(not lane.failures for lane in told.lanes.lanes)
    assert [tile.value for tile in tiles(told.headline)][:2] == ["\N{EN DASH}"] * 2
    assert all(line.endswith("0 of 0 failures caught") for line in by_budget(told.headline))


def test_each_budget_is_told_with_its_lead() -> None:
    assert all(" caught, the first alarm a median " in line for line in by_budget(whole().headline))


def test_few_failures_have_no_interval_and_a_warning() -> None:
    fleet = made_up()
    late = pl.col("start") > WINDOW.start + 2 * STEP
    failed = fleet.events.filter(pl.col("kind") == "failure", late).sort("start").slice(5)
    told = contents(replace(fleet, events=fleet.events.join(failed, on=["node", "start", "kind"], how="anti")))
    assert 0 < count(told.headline, "failures") < 20
    assert any("too few for intervals" in line for line in warnings(told))
    assert all(not tile.interval for tile in tiles(told.headline))


def test_a_fleet_of_one_node_can_be_shown() -> None:
    told = contents(alone(made_up()))
    assert told.nodes <= 1


@pytest.mark.parametrize(
    ("fleet", "source", "is_one"),
    [("Simulated fleet", None, True), ("m100", "simulator", True), ("m100", "slurm", False), ("m100", None, False)],
)
def test_a_simulation_is_known_by_its_name_or_its_source(fleet: str, source: str | None, is_one: bool) -> None:  # noqa: FBT001  - a case of the table
    events = made_up().events.with_columns(pl.lit(source, pl.String).alias("source"))
    assert is_simulated(fleet, replace(made_up(), events=events).view()) is is_one
