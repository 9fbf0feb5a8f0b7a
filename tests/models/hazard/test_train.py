from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from data.errors import TooLittleDataError
from features.grid import to_datetime, to_numpy
from models.hazard.model import Covariates, HazardModel
from models.hazard.train import count_failures, rate_cutoffs, train
from tests.features.fleets import DAY, START, Fleet, event, fleet
from tests.models.replays import SPLIT, made_up, setup_of, trained

if TYPE_CHECKING:
    from models.setup import Setup

NODE = {"node": "a", "observed_from": START - 30 * DAY}


def without(kind: str) -> Fleet:
    return replace(made_up(), events=made_up().events.filter(pl.col("kind") != kind))


@pytest.mark.parametrize(
    "quiet", [without("failure"), fleet(nodes=[NODE]), fleet(), replace(made_up(), events=made_up().events.clear())]
)
def test_without_a_failure_there_is_nothing_to_learn(quiet: Fleet) -> None:
    with pytest.raises(TooLittleDataError, match=r"no failure \(kind = 'failure'\) known by 2021-01-31") as raised:
        train(quiet.view(SPLIT), setup_of())
    assert raised.value.exit_code == 3
    assert "record failures" in raised.value.fix


def test_failures_that_are_only_recorded_later_do_not_count_yet() -> None:
    late = event("a", START, START + DAY, recorded_at=SPLIT + DAY)
    with pytest.raises(TooLittleDataError, match="no failure"):
        train(fleet([late], [NODE]).view(SPLIT), setup_of(()))


@pytest.mark.parametrize(
    "nodes", [[], [NODE | {"observed_from": SPLIT + DAY}], [NODE | {"observed_until": START - 20 * DAY}]]
)
def test_a_fleet_without_a_node_at_risk_is_refused(nodes: list[dict[str, object]]) -> None:
    events = [event("a", START, START + DAY), event("a", START - 40 * DAY)]
    with pytest.raises(TooLittleDataError, match="no node was at risk") as raised:
        train(fleet(events, nodes).view(SPLIT), setup_of(()))
    assert raised.value.exit_code == 3


def test_a_node_that_never_reports_is_not_at_risk() -> None:
    silent = replace(made_up(), telemetry=made_up().telemetry.with_columns(seen_n=pl.lit(None, pl.Float64)))
    with pytest.raises(TooLittleDataError, match=r"no node was at risk.*\n.*coverage_metric"):
        train(silent.view(SPLIT), setup_of())


def test_a_history_that_begins_after_the_split_is_refused() -> None:
    with pytest.raises(TooLittleDataError, match="no node was at risk"):
        train(made_up().view(SPLIT), replace(setup_of(), history_start=SPLIT + DAY))


def test_too_few_failures_give_history_and_pooled_rates_and_low_support() -> None:
    few = train(made_up().view(SPLIT), setup_of(min_failures=trained().failures + 1))
    assert (few.support, few.is_supported) == ("low support", False)
    assert few.model.boosters == ()
    assert few.fitted.out_of_fold is None
    covariates = Covariates(few.training.features, few.training.fleet_rate)
    assert np.isfinite(few.model.probabilities(covariates)).all()


def test_just_enough_failures_give_a_model() -> None:
    enough = train(made_up().view(SPLIT), setup_of(min_failures=trained().failures))
    assert (enough.support, len(enough.model.boosters)) == ("ok", 2)


def test_a_failure_counts_once_however_many_rows_it_follows() -> None:
    events = [event("a", START + day * DAY, START + (day + 0.2) * DAY) for day in (5.5, 12.5)]
    two_failures = train(fleet(events, [NODE]).view(SPLIT), setup_of((), min_failures=1))
    assert two_failures.failures == 2
    on_probation = 1  # the cutoff within a day of the first one's end
    assert two_failures.training.periods.fails.sum() == 14 - on_probation  # a week of cutoffs before each


def test_a_failure_without_a_row_before_it_is_not_learned_from() -> None:
    before, during = event("a", START - 60 * DAY, START - 59 * DAY), event("a", START + 9.5 * DAY, START + 10 * DAY)
    repair = event("a", START - 5 * DAY, START + 20 * DAY, kind="maintenance")
    after = event("a", START + 25.5 * DAY, START + 26 * DAY)
    learned = train(fleet([before, during, repair, after], [NODE]).view(SPLIT), setup_of((), min_failures=1))
    assert learned.failures == 1
    assert count_failures(learned.training, learned.view) == 1


def test_no_node_is_trained_on_while_down_or_unknown() -> None:
    training, risk = trained().training, trained().risk
    assert risk.down.any()
    assert risk.unknown.any()
    assert risk.at_risk[training.rows.node, training.rows.cutoff].all()


def test_no_outcome_crosses_the_split() -> None:
    training = trained().training
    ends = np.array([1, 3, 7]) * np.timedelta64(86_400_000_000, "us")
    beyond = training.rows.ts[:, None] + ends[None, :] > to_numpy(SPLIT)
    survived = training.periods.outcome == 0
    assert (beyond & survived).any()
    assert (training.periods.exposure[beyond & survived] < 1).all()
    assert (training.rows.ts < to_numpy(SPLIT)).all()


def test_what_was_recorded_after_the_split_changes_no_bit_of_the_model() -> None:
    later = pl.col("recorded_at") > SPLIT
    changed = replace(
        made_up(),
        events=made_up().events.with_columns(kind=pl.when(later).then(pl.lit("failure")).otherwise("kind")),
        telemetry=made_up().telemetry.with_columns(
            temperature=pl.when(pl.col("available_at") > SPLIT).then(pl.lit(-1e6)).otherwise("temperature")
        ),
    )
    model, original = train(changed.view(SPLIT), setup_of()).model, trained().model
    assert texts(model) == texts(original)
    assert model.calibration.offset.tobytes() == original.calibration.offset.tobytes()
    assert model.linear is not None
    assert original.linear is not None
    assert model.linear.weights.tobytes() == original.linear.weights.tobytes()


def test_training_twice_gives_the_same_text_and_another_seed_another() -> None:
    again = train(made_up().view(SPLIT), setup_of())
    assert texts(again.model) == texts(trained().model)
    recipe = setup_of().recipe
    other = replace(setup_of(), recipe=replace(recipe, params=replace(recipe.params, random_seed=2)))
    assert texts(train(made_up().view(SPLIT), other).model) != texts(trained().model)


def texts(model: HazardModel) -> list[str]:
    return [booster.model_to_string() for booster in model.boosters]


def setup_every(every: timedelta) -> Setup:
    return replace(setup_of(), design=replace(setup_of().design, every=every))


@pytest.mark.parametrize("every", [timedelta(minutes=5), timedelta(hours=6), DAY])
def test_the_fleets_rate_is_counted_daily_from_the_first_node_to_the_view(every: timedelta) -> None:
    view = fleet(nodes=[NODE | {"observed_from": START + timedelta(hours=5)}]).view(START + 4 * DAY)
    cutoffs, step = rate_cutoffs(view, setup_every(every))
    assert [to_datetime(cutoff) for cutoff in cutoffs] == [START + day * DAY for day in (1, 2, 3, 4)]
    assert step == DAY


def test_of_a_fleet_that_is_scored_weekly_the_rate_is_counted_weekly() -> None:
    cutoffs, step = rate_cutoffs(made_up().view(SPLIT), setup_every(7 * DAY))
    assert step == 7 * DAY
    assert set(np.diff(cutoffs).tolist()) == {7 * DAY}
    assert to_datetime(cutoffs[-1]) == SPLIT


def test_cutoffs_begin_with_the_history_if_its_start_is_set() -> None:
    setup = replace(setup_of(), history_start=SPLIT - 2 * DAY)
    times = [to_datetime(cutoff) for cutoff in rate_cutoffs(made_up().view(SPLIT), setup)[0]]
    assert times == [SPLIT - 2 * DAY, SPLIT - DAY, SPLIT]


def test_an_empty_fleet_has_one_cutoff() -> None:
    assert rate_cutoffs(fleet().view(SPLIT), setup_of())[0].tolist() == [to_numpy(SPLIT).item()]
