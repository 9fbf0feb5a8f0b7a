from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from data.errors import FutureError, TooLittleDataError
from data.time_grid import HOUR
from features.events.base_rates import FleetRate
from features.grid import to_datetime, to_numpy
from features.population.at_risk import Coverage, assess
from models.backtest.replay import BacktestWindow, Replay, label_cases, run_replay
from models.evaluation.evaluate import AlarmBudgets, Evaluation, evaluate
from models.metrics.bootstrap import draw_resampler
from models.setup import CauseCriteria
from tests.features.fleets import DAY, START, Fleet, event, fleet
from tests.features.synthetic import at_width, synthetic
from tests.models.reference import Setting, moments, reference_rows
from tests.models.replays import HORIZONS, SPLIT, WINDOW, made_up, replay, replayed, setup_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LAST = START + 44 * DAY  # the window's last cutoff: the next one's day ends after the window


MINUTE = HOUR / 60
BUDGETS = AlarmBudgets((0.05,), (0.05,))


def evaluated(result: Replay, records: Fleet, horizon: timedelta) -> Evaluation:
    first, last = to_numpy(result.window.start), to_numpy(result.window.end)
    resampler = draw_resampler(result.rows.names, first, last, np.random.default_rng(0), 20)
    cases = label_cases(result, records.view(), horizon)
    return evaluate(cases, result.of_horizon(horizon)[1], BUDGETS, resampler)


def assert_same_probabilities(left: Replay, right: Replay) -> None:
    assert left.rows.names == right.rows.names
    assert list(left.probabilities) == list(right.probabilities)
    assert "model" in left.probabilities
    for name, probabilities in left.probabilities.items():
        assert probabilities.tobytes() == right.probabilities[name].tobytes()


def test_every_probability_is_between_0_and_1() -> None:
    probabilities = np.stack(list(replayed().probabilities.values()))
    assert probabilities.shape == (7, len(replayed().rows), len(HORIZONS))
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


@pytest.mark.parametrize("model", ["model", "history", "base_rate"])
def test_probabilities_rise_with_the_horizon(model: str) -> None:
    assert (np.diff(replayed().probabilities[model], axis=1) >= 0).all()


def test_the_rows_are_those_at_risk_and_no_others() -> None:
    rows = replayed().rows
    cutoffs = np.asarray(to_numpy(SPLIT) + np.arange(15) * np.timedelta64(86_400_000_000, "us"))
    risk = assess(made_up().view(to_datetime(cutoffs[-1])), cutoffs, setup_of().design.coverage)
    expected = risk.rows()
    assert to_datetime(cutoffs[-1]) == LAST
    assert rows.node.tolist() == expected.node.tolist()
    assert rows.ts.tolist() == expected.ts.tolist()
    assert risk.down.any()
    assert risk.unknown.any()


def test_a_horizon_is_judged_while_it_ends_inside_the_window() -> None:
    assert len(HORIZONS) == 3
    for horizon in HORIZONS:
        rows, probabilities = replayed().of_horizon(horizon)
        assert to_datetime(rows.ts.max()) + horizon == WINDOW.end
        assert {len(column) for column in probabilities.values()} == {len(rows)}


def test_replaying_twice_gives_the_same_bits() -> None:
    assert_same_probabilities(replayed(), replay(made_up(), setup_of()))


def with_more_events(records: Fleet) -> Fleet:
    new = [event(name, LAST + DAY / 2, LAST + DAY) for name in records.nodes["node"]]
    return replace(records, events=pl.concat([records.events, fleet(new).events]))


def with_another_future(records: Fleet) -> Fleet:
    noise = pl.Series(np.random.default_rng(0).normal(1e3, 1e3, records.telemetry.height))
    later = pl.col("available_at") > LAST
    changed = [pl.when(later).then(noise).otherwise(metric.name).alias(metric.name) for metric in records.metrics]
    return replace(records, telemetry=records.telemetry.with_columns(changed))


def with_other_departures(records: Fleet) -> Fleet:
    stays = pl.col("observed_until").is_null() | (pl.col("observed_until") > LAST)
    leaves = pl.when(stays).then(pl.lit(LAST + DAY / 3)).otherwise("observed_until")
    return replace(records, nodes=records.nodes.with_columns(observed_until=leaves))


def shuffled(records: Fleet) -> Fleet:
    return records.shuffled(np.random.default_rng(4))


@pytest.mark.parametrize("change", [with_more_events, with_another_future, with_other_departures, shuffled])
def test_what_is_known_after_the_last_cutoff_changes_no_probability(change: Callable[[Fleet], Fleet]) -> None:
    assert_same_probabilities(replayed(), replay(change(made_up()), setup_of()))


@pytest.mark.parametrize("width", [5 * MINUTE, HOUR])
def test_a_replay_by_minutes_or_hours_knows_nothing_of_the_future(width: timedelta) -> None:
    records = at_width(synthetic(np.random.default_rng(3), nodes=20), width)
    split, last = START + 120 * width, START + 130 * width
    usual = setup_of()
    design = replace(usual.design, horizons=(width, 4 * width, 12 * width), every=width)
    recipe = replace(usual.recipe, every=width, params=replace(usual.recipe.params, trees=4, seeds=1))
    setup = replace(usual, design=design, recipe=recipe, windows=(width, 4 * width, 28 * width))
    window = BacktestWindow(split, last + width)
    noise = pl.Series(np.random.default_rng(0).normal(1e3, 1e3, records.telemetry.height))
    later = pl.col("available_at") > last
    changed = replace(
        records.known_at(last),
        telemetry=records.telemetry.with_columns(
            pl.when(later).then(noise).otherwise(metric.name).alias(metric.name) for metric in records.metrics
        ),
    )
    original = replay(records, setup, window)
    assert original.trained.support == "ok"
    assert len(original.rows) > 50
    assert_same_probabilities(original, replay(changed, setup, window))


def test_what_is_known_between_two_cutoffs_changes_none_before() -> None:
    time = START + 36 * DAY
    new = [
        event(name, time - DAY / 2, time + 2.5 * DAY, recorded_at=time + DAY / 4) for name in made_up().nodes["node"]
    ]
    changed = replay(replace(made_up(), events=pl.concat([made_up().events, fleet(new).events])), setup_of())
    names = [name for name in replayed().probabilities if name != "random"]
    before, changed_before = replayed().rows.ts <= to_numpy(time), changed.rows.ts <= to_numpy(time)
    assert len(names) == 6
    assert before.any()
    for name in names:
        expected = replayed().probabilities[name][before]
        assert changed.probabilities[name][changed_before].tobytes() == expected.tobytes()
    assert len(changed.rows) < len(replayed().rows)


def test_the_fleets_rate_is_counted_from_where_training_counted_it() -> None:
    risk, training_risk = replayed().risk, replayed().trained.risk
    assert risk.cutoffs[0] == training_risk.cutoffs[0]
    rate = FleetRate.of(made_up().view(LAST), risk, DAY, DAY)
    training_rate = FleetRate.of(made_up().view(SPLIT), training_risk, DAY, DAY)
    count = len(training_rate.recent)
    assert rate.recent[:count].tobytes() == training_rate.recent.tobytes()
    assert rate.long_run[:count].tobytes() == training_rate.long_run.tobytes()


def test_the_length_of_the_window_changes_no_probability() -> None:
    short = replay(made_up(), setup_of(min_failures=10_000), BacktestWindow(SPLIT, START + 36 * DAY))
    long = replay(made_up(), setup_of(min_failures=10_000))
    shared = long.rows.ts <= short.rows.ts.max()
    assert short.probabilities["model"].tobytes() == long.probabilities["model"][shared].tobytes()


@pytest.mark.parametrize("end", [SPLIT, SPLIT + DAY / 2, SPLIT - 5 * DAY])
def test_a_window_too_short_for_the_shortest_horizon_is_refused_before_training(end: datetime) -> None:
    with pytest.raises(TooLittleDataError, match=r"no forecast over 1d can be judged") as raised:
        replay(fleet(), setup_of(), BacktestWindow(SPLIT, end))
    assert raised.value.exit_code == 3


def test_a_window_as_long_as_the_shortest_horizon_has_one_step() -> None:
    result = replay(made_up(), setup_of(), BacktestWindow(SPLIT, SPLIT + DAY))
    assert set(result.rows.ts.tolist()) == {to_numpy(SPLIT).item()}
    rows, _ = result.of_horizon(7 * DAY)
    assert len(rows) == 0
    figures = evaluated(result, made_up(), 7 * DAY).to_json()["model"]
    assert figures["rows"] == 0
    assert figures["brier"] == {"value": None, "low": None, "high": None}


def test_records_without_any_failure_are_refused() -> None:
    records = replace(made_up(), events=made_up().events.filter(pl.col("kind") != "failure"))
    with pytest.raises(TooLittleDataError, match="no failure"):
        replay(records, setup_of())


def test_a_window_without_failures_gives_nulls() -> None:
    quiet = replace(
        made_up(),
        events=made_up().events.filter((pl.col("kind") != "failure") | (pl.col("start") < SPLIT - DAY)),
    )
    figures = evaluated(replay(quiet, setup_of()), quiet, DAY).to_json()["model"]
    for measure in ("roc_auc", "pr_auc", "slope"):
        assert figures[measure] == {"value": None, "low": None, "high": None}
    budgets = figures["budgets"]
    assert isinstance(budgets, list)
    assert (budgets[0]["failures"], budgets[0]["caught_share"]["value"]) == (0, None)


def test_with_too_few_failures_everything_is_still_forecast() -> None:
    result = replay(made_up(), setup_of(min_failures=10_000))
    assert result.trained.support == "low support"
    assert np.isfinite(np.stack(list(result.probabilities.values()))).all()


@pytest.mark.parametrize("min_failures", [1, 100])
def test_a_single_node_is_enough(min_failures: int) -> None:
    events = [event("a", START + day * DAY, START + (day + 0.4) * DAY) for day in (3.3, 9.3, 17.3, 33.3)]
    records = fleet(events, [{"node": "a", "observed_from": START - 30 * DAY}])
    result = replay(records, setup_of((), min_failures))
    assert len(result.rows) == 15
    assert np.isfinite(np.stack(list(result.probabilities.values()))).all()
    figures = evaluated(result, records, 7 * DAY).to_json()["model"]
    assert (figures["rows"], figures["dropped_probation"]) == (8, 1)


def test_a_window_in_which_no_node_reports_has_no_rows() -> None:
    silent = pl.when(pl.col("ts") < SPLIT - DAY).then("seen_n")
    records = replace(made_up(), telemetry=made_up().telemetry.with_columns(seen_n=silent))
    result = replay(records, setup_of())
    assert len(result.rows) == 0
    assert {probabilities.shape for probabilities in result.probabilities.values()} == {(0, 3)}
    assert evaluated(result, records, DAY).to_json()["model"]["rows"] == 0


def test_the_hindsight_must_reach_the_last_cutoff() -> None:
    with pytest.raises(FutureError):
        run_replay(made_up().view(SPLIT + DAY), WINDOW, setup_of(), lambda _: None)


def test_cases_are_labelled_in_hindsight_whatever_the_horizon() -> None:
    cases = label_cases(replayed(), made_up().view(), 7 * DAY)
    assert (cases.horizon, cases.every, cases.repeat) == (7 * DAY, DAY, DAY)
    assert (cases.label == 1).any()
    assert (cases.label == 0).any()
    for row in np.flatnonzero(cases.label == 1):
        ahead = cases.failure_start[cases.failure_node == cases.node[row]] - cases.ts[row]
        assert ((ahead > np.timedelta64(0)) & (ahead <= np.timedelta64(7, "D"))).any()


@pytest.mark.parametrize("every", [6 * HOUR, DAY])
def test_rows_labels_and_what_is_dropped_are_the_judges(every: timedelta, tmp_path: Path) -> None:
    records = replace(made_up(), events=made_up().events.filter(pl.col("kind") != "action"))  # the judge knows none
    usual = setup_of(min_failures=10_000)
    design = replace(usual.design, horizons=(every, 2 * DAY, 3 * DAY), every=every, coverage=Coverage("seen_n", 0.9))
    result = replay(records, replace(usual, design=design))
    records.write(tmp_path)
    for horizon in design.horizons:
        cases = label_cases(result, records.view(), horizon)
        setting = Setting(tmp_path, WINDOW.start, WINDOW.end, every, horizon, "seen_n")
        reference = reference_rows(setting)
        table = reference.table
        assert [cases.names[node] for node in cases.node] == table.node.to_list()
        assert np.array_equal(cases.ts, moments(table.ts))
        assert np.array_equal(cases.label, table.y, equal_nan=True)
        assert np.array_equal(cases.can_alarm, table.free)
        assert np.array_equal(cases.times.astype(np.int64), setting.times)
        dropped = {name: count for name, count in reference.counts.items() if name.startswith("dropped")}
        assert {f"dropped_{reason}": count for reason, count in cases.dropped.items()} == dropped | {
            "dropped_not_over": 0
        }
        starts = np.sort(reference.outages.start.to_numpy(dtype=np.int64))
        assert np.array_equal(np.sort(cases.failure_start.astype(np.int64)), starts)
        assert cases.dropped["probation"] > 0
    assert not cases.can_alarm.all()


def test_blocks_of_any_size_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    criteria, usual = CauseCriteria(min_failures=5, min_of_a_cause=2), setup_of()
    setup = replace(usual, design=replace(usual.design, every=6 * HOUR), causes=criteria)
    window = BacktestWindow(SPLIT, SPLIT + 2 * DAY)
    whole = replay(made_up(), setup, window)
    monkeypatch.setattr("models.backtest.replay.BLOCK_CELLS", 1)
    in_blocks = replay(made_up(), setup, window)
    assert_same_probabilities(whole, in_blocks)
    assert whole.idle is not None
    assert in_blocks.idle is not None
    assert whole.idle.tobytes() == in_blocks.idle.tobytes()
    assert whole.causes is not None
    assert in_blocks.causes is not None
    assert len(whole.causes.rows) > 1
    assert whole.causes.probabilities.tobytes() == in_blocks.causes.probabilities.tobytes()


def test_progress_is_reported_stage_by_stage() -> None:
    stages: list[str] = []
    run_replay(made_up().view(), BacktestWindow(SPLIT, SPLIT + DAY), setup_of(), stages.append)
    baselines = [f"baseline {name}" for name in list(replayed().probabilities)[1:]]
    assert stages == ["training", *baselines, "causes", "forecasts"]


def test_the_last_cutoff_is_a_horizon_before_the_windows_end() -> None:
    window = BacktestWindow(datetime(2021, 7, 1, tzinfo=UTC), datetime(2021, 8, 1, tzinfo=UTC))
    assert window.last_cutoff(7 * DAY) == np.datetime64("2021-07-25")
    assert window.last_cutoff(timedelta(minutes=5)) == np.datetime64("2021-07-31T23:55")
