from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from data.errors import FutureError, TooLittleDataError
from features.events.base_rates import steady_rate
from features.grid import to_datetime, to_numpy
from features.population.at_risk import assess
from models.backtest.replay import Replay, Window, judge_cases
from models.backtest.replay import replay as run_replay
from models.evaluation.evaluate import Evaluation, evaluate
from models.metrics.bootstrap import draw_resampler
from tests.features.fleets import DAY, START, Fleet, event, fleet
from tests.models.replays import HORIZONS, SPLIT, WINDOW, made_up, replay, replayed, setup_of

if TYPE_CHECKING:
    from collections.abc import Callable

LAST = START + 44 * DAY  # the window's last cutoff: the next one's day ends after the window


def judged(told: Replay, one: Fleet, horizon: float) -> Evaluation:
    first, last = to_numpy(told.window.start), to_numpy(told.window.end)
    resampler = draw_resampler(told.rows.names, first, last, np.random.default_rng(0), 20)
    return evaluate(judge_cases(told, one.view(), horizon), told.at(horizon)[1], (0.05,), resampler)


def same_probabilities(one: Replay, other: Replay) -> bool:
    return one.rows.names == other.rows.names and all(
        told.tobytes() == other.probabilities[name].tobytes() for name, told in one.probabilities.items()
    )


def test_every_probability_is_one() -> None:
    for told in replayed().probabilities.values():
        assert np.isfinite(told).all()
        assert ((told >= 0) & (told <= 1)).all()


@pytest.mark.parametrize("model", ["model", "history", "base_rate"])
def test_probabilities_rise_with_the_horizon(model: str) -> None:
    assert (np.diff(replayed().probabilities[model], axis=1) >= 0).all()


def test_the_rows_are_those_at_risk_and_no_others() -> None:
    told = replayed()
    steps = np.asarray(to_numpy(SPLIT) + np.arange(15) * np.timedelta64(86_400_000_000, "us"))
    risk = assess(made_up().view(to_datetime(steps[-1])), steps, setup_of().design.coverage)
    expected = risk.rows()
    assert to_datetime(steps[-1]) == LAST
    assert told.rows.node.tolist() == expected.node.tolist()
    assert told.rows.ts.tolist() == expected.ts.tolist()
    assert risk.down.any()
    assert risk.unknown.any()


def test_a_horizon_is_judged_while_it_ends_inside_the_window() -> None:
    for horizon in HORIZONS:
        rows, probabilities = replayed().at(horizon)
        assert to_datetime(rows.ts.max()) + horizon * DAY == WINDOW.end
        assert {len(told) for told in probabilities.values()} == {len(rows)}


def test_replaying_twice_gives_the_same_bits() -> None:
    assert same_probabilities(replayed(), replay(made_up(), setup_of()))


def with_more_events(one: Fleet) -> Fleet:
    new = [event(name, LAST + DAY / 2, LAST + DAY) for name in one.nodes["node"]]
    return replace(one, events=pl.concat([one.events, fleet(new).events]))


def with_another_future(one: Fleet) -> Fleet:
    noise = pl.Series(np.random.default_rng(0).normal(1e3, 1e3, one.telemetry.height))
    later = pl.col("available_at") > LAST
    changed = [pl.when(later).then(noise).otherwise(metric.name).alias(metric.name) for metric in one.metrics]
    return replace(one, telemetry=one.telemetry.with_columns(changed))


def with_other_departures(one: Fleet) -> Fleet:
    stays = pl.col("observed_until").is_null() | (pl.col("observed_until") > LAST)
    leaves = pl.when(stays).then(pl.lit(LAST + DAY / 3)).otherwise("observed_until")
    return replace(one, nodes=one.nodes.with_columns(observed_until=leaves))


def shuffled(one: Fleet) -> Fleet:
    return one.shuffled(np.random.default_rng(4))


@pytest.mark.parametrize("change", [with_more_events, with_another_future, with_other_departures, shuffled])
def test_what_is_known_after_the_last_cutoff_changes_no_probability(change: Callable[[Fleet], Fleet]) -> None:
    assert same_probabilities(replayed(), replay(change(made_up()), setup_of()))


def test_what_is_known_between_two_cutoffs_changes_none_before() -> None:
    at = START + 36 * DAY
    new = [event(name, at - DAY / 2, at + 2.5 * DAY, recorded_at=at + DAY / 4) for name in made_up().nodes["node"]]
    told = replay(replace(made_up(), events=pl.concat([made_up().events, fleet(new).events])), setup_of())
    for name, own in replayed().probabilities.items():
        if name != "random":
            assert own[replayed().rows.ts <= to_numpy(at)].tobytes() == (
                told.probabilities[name][told.rows.ts <= to_numpy(at)].tobytes()
            )
    assert len(told.rows) < len(replayed().rows)


def test_the_fleets_rate_is_counted_from_where_training_counted_it() -> None:
    told = replayed()
    assert told.risk.cutoffs[0] == told.trained.risk.cutoffs[0]
    rate = steady_rate(made_up().view(LAST), told.risk, 1.0)
    trained_rate = steady_rate(made_up().view(SPLIT), told.trained.risk, 1.0)
    assert rate[: len(trained_rate)].tobytes() == trained_rate.tobytes()


def test_the_length_of_the_window_changes_no_probability() -> None:
    short = replay(made_up(), setup_of(min_failures=10_000), Window(SPLIT, START + 36 * DAY))
    long = replay(made_up(), setup_of(min_failures=10_000))
    shared = long.rows.ts <= short.rows.ts.max()
    assert short.probabilities["model"].tobytes() == long.probabilities["model"][shared].tobytes()


@pytest.mark.parametrize("end", [SPLIT, SPLIT + DAY / 2, SPLIT - 5 * DAY])
def test_a_window_too_short_for_the_shortest_horizon_is_refused_before_training(end: datetime) -> None:
    with pytest.raises(TooLittleDataError, match=r"no forecast over 1 days can be judged") as raised:
        replay(fleet(), setup_of(), Window(SPLIT, end))
    assert raised.value.exit_code == 3


def test_a_window_as_long_as_the_shortest_horizon_has_one_step() -> None:
    told = replay(made_up(), setup_of(), Window(SPLIT, SPLIT + DAY))
    assert set(told.rows.ts.tolist()) == {to_numpy(SPLIT).item()}
    rows, _ = told.at(7.0)
    assert len(rows) == 0
    report = judged(told, made_up(), 7.0).to_json()["model"]
    assert report["rows"] == 0
    assert report["brier"] == {"value": None, "low": None, "high": None}


def test_no_failure_at_all_is_refused() -> None:
    none = replace(made_up(), events=made_up().events.filter(pl.col("kind") != "failure"))
    with pytest.raises(TooLittleDataError, match="no failure"):
        replay(none, setup_of())


def test_a_window_without_failures_gives_nulls() -> None:
    quiet = replace(
        made_up(),
        events=made_up().events.filter((pl.col("kind") != "failure") | (pl.col("start") < SPLIT - DAY)),
    )
    told = replay(quiet, setup_of())
    report = judged(told, quiet, 1.0).to_json()["model"]
    for measure in ("roc_auc", "pr_auc", "slope"):
        assert report[measure] == {"value": None, "low": None, "high": None}
    budgets = report["budgets"]
    assert isinstance(budgets, list)
    assert (budgets[0]["failures"], budgets[0]["caught_share"]["value"]) == (0, None)


def test_with_too_few_failures_everything_is_still_forecast() -> None:
    told = replay(made_up(), setup_of(min_failures=10_000))
    assert told.trained.support == "low support"
    assert np.isfinite(np.stack(list(told.probabilities.values()))).all()


@pytest.mark.parametrize("min_failures", [1, 100])
def test_one_node_is_enough(min_failures: int) -> None:
    events = [event("a", START + day * DAY, START + (day + 0.4) * DAY) for day in (3.3, 9.3, 17.3, 33.3)]
    one = fleet(events, [{"node": "a", "observed_from": START - 30 * DAY}])
    told = replay(one, setup_of((), min_failures))
    assert len(told.rows) == 15
    assert np.isfinite(np.stack(list(told.probabilities.values()))).all()
    assert judged(told, one, 7.0).to_json()["model"]["rows"] == 9


def test_a_window_in_which_nobody_reports_is_forecast_for_nobody() -> None:
    silent = pl.when(pl.col("ts") < SPLIT - DAY).then("seen_n")
    one = replace(made_up(), telemetry=made_up().telemetry.with_columns(seen_n=silent))
    told = replay(one, setup_of())
    assert len(told.rows) == 0
    assert {probability.shape for probability in told.probabilities.values()} == {(0, 3)}
    assert judged(told, one, 1.0).to_json()["model"]["rows"] == 0


def test_the_hindsight_must_reach_the_last_cutoff() -> None:
    with pytest.raises(FutureError):
        run_replay(made_up().view(SPLIT + DAY), WINDOW, setup_of(), lambda _: None)


def test_cases_are_labelled_in_hindsight_whatever_the_horizon() -> None:
    cases = judge_cases(replayed(), made_up().view(), 7.0)
    assert (cases.horizon_days, cases.every_days) == (7, 1)
    assert (cases.label == 1).any()
    assert (cases.label == 0).any()
    for at in np.flatnonzero(cases.label == 1):
        ahead = cases.failure_start[cases.failure_node == cases.node[at]] - cases.ts[at]
        assert ((ahead > np.timedelta64(0)) & (ahead <= np.timedelta64(7, "D"))).any()


def test_progress_is_told_stage_by_stage() -> None:
    stages: list[str] = []
    window = Window(SPLIT, SPLIT + DAY)
    run_replay(made_up().view(), window, setup_of(), stages.append)
    assert stages[:3] == ["training", "features of the test window", "scores"]
    assert stages[3:] == [*(f"baseline {name}" for name in list(replayed().probabilities)[1:]), "causes"]


def test_the_window_knows_its_last_cutoff() -> None:
    window = Window(datetime(2021, 7, 1, tzinfo=UTC), datetime(2021, 8, 1, tzinfo=UTC))
    assert window.last_cutoff(7.0) == np.datetime64("2021-07-25")
