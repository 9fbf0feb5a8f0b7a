from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from features.grid import to_step
from features.training.training_set import Design
from models.causes.evaluate import evaluate_causes
from models.causes.failure_rows import FailureRows
from models.causes.fit import fit_cause_model
from models.causes.labels import OTHER
from models.causes.model import UNKNOWN, CauseModel
from models.causes.replay import replay_causes
from models.hazard.train import Trained, train
from models.metrics.bootstrap import draw_resampler
from tests.features.fleets import DAY, START, Fleet, event
from tests.models.causes.made_up import CRITERIA, UNTIL, features_of, lemons, rows_of, with_node
from tests.models.replays import setup_of

if TYPE_CHECKING:
    from datetime import timedelta

    from features.population.at_risk import Rows
    from models.causes.replay import CauseReplay
    from models.setup import CauseCriteria

SPLIT = START + 80 * DAY


def trained_on(records: Fleet, criteria: CauseCriteria = CRITERIA) -> Trained:
    setup = replace(setup_of(metrics=(), min_failures=10**6), causes=criteria)
    return train(records.view(SPLIT), replace(setup, design=Design((DAY, 3 * DAY), DAY, None, 5.0)))


@cache
def model() -> CauseModel:
    return replace(fit_cause_model(trained_on(lemons())), booster=None)


def test_each_node_is_given_its_own_cause() -> None:
    records, rows = lemons(), rows_of(lemons(), SPLIT, 0)
    forecasts = model().forecasts(model().probabilities(records.view(SPLIT), rows, features_of(rows)))
    assert [rows.names[node] for node in rows.node] == ["n1", "n2", "n3", "n4", "n5"]  # n0 is down
    assert [forecast.cause for forecast in forecasts] == ["disk", "fan", "fan", "memory", "memory"]
    assert min(forecast.probability or 0.0 for forecast in forecasts) > 0.5


def test_failures_without_a_cause_are_counted_and_are_no_class() -> None:
    assert model().causes.names == ("disk", "fan", "memory", OTHER)
    assert (model().failures, model().unexplained) == (73, 24)  # 17 of the node that fails at the split, else 16
    assert "73 of 97 failures have a known cause: disk, fan, memory" in model().summary


@pytest.mark.parametrize(
    ("criteria", "why"),
    [
        (replace(CRITERIA, min_failures=500), "failures have a known cause, 500 are needed"),
        (replace(CRITERIA, min_of_a_cause=500), "no cause was recorded 500 times"),
        (replace(CRITERIA, unknown=("unknown", "disk", "fan")), "the records tell one cause only: memory"),
    ],
)
def test_with_too_little_data_the_cause_is_unknown_with_the_reason(criteria: CauseCriteria, why: str) -> None:
    fitted, rows = fit_cause_model(trained_on(lemons(), criteria)), rows_of(lemons(), SPLIT, 0)
    forecasts = fitted.forecasts(fitted.probabilities(lemons().view(SPLIT), rows, features_of(rows)))
    assert {(forecast.cause, forecast.probability) for forecast in forecasts} == {(UNKNOWN, None)}
    assert [forecast.why for forecast in forecasts if not forecast.why.endswith(why)] == []
    assert why in fitted.summary


def test_a_new_node_gets_the_pooled_forecast() -> None:
    grown = with_node("n9", SPLIT - DAY)
    rows = rows_of(grown, SPLIT, 0)
    probabilities = model().probabilities(grown.view(SPLIT), rows, features_of(rows))
    of_new = probabilities[[rows.names[node] for node in rows.node].index("n9")]
    assert of_new.sum() == pytest.approx(1)
    assert of_new[:3].max() - of_new[:3].min() < 0.1


def test_where_no_cause_is_given_the_leading_ones_are_named() -> None:
    (unsure,) = model().forecasts(np.array([[0.4, 0.35, 0.2, 0.05]]))
    assert (unsure.cause, unsure.why) == (UNKNOWN, "disk 40%, fan 35%: none reaches 50%")
    (rare,) = model().forecasts(np.array([[0.1, 0.1, 0.1, 0.7]]))
    assert rare.why == "other 70%, disk 10%: rare causes lead"


def test_fit_and_forecasts_know_nothing_of_the_future() -> None:
    records = lemons()
    late = event("n0", START + 20 * DAY, START + 21 * DAY, cause="fan", recorded_at=SPLIT + DAY)
    changed = lemons(late, *(event("n2", SPLIT + day * DAY, cause="disk") for day in range(1, 20)))
    known_records = records.known_at(SPLIT)
    refitted = replace(fit_cause_model(trained_on(known_records)), booster=None)
    assert refitted == model()
    assert (
        probabilities_of(model(), records)
        == probabilities_of(model(), changed)
        == probabilities_of(refitted, known_records)
    )


def probabilities_of(fitted: CauseModel, records: Fleet) -> bytes:
    rows = rows_of(lemons(), SPLIT, 10)
    return fitted.probabilities(records.view(SPLIT), rows, features_of(rows)).tobytes()


def replayed(records: Fleet, rows: Rows, horizon: timedelta) -> CauseReplay:
    """Forecast the causes of the failures that follow rows within a horizon."""
    followed = FailureRows.of(records.view(), rows, to_step(horizon), model().causes)
    return replay_causes(model(), records.view(), rows, followed, features_of(rows.take(followed.row)))


def test_replayed_causes_are_compared_with_frequencies_and_the_last_cause() -> None:
    records = lemons()
    rows = rows_of(records, UNTIL - 4 * DAY, 35)
    replay = replayed(records, rows, 3 * DAY)
    rng = np.random.default_rng(1)
    resampler = draw_resampler(rows.names, rows.cutoffs[0], rows.cutoffs[-1] + to_step(4 * DAY), rng, 200)
    evaluation = evaluate_causes(replay, resampler)
    figures = {name: figure.value for name, figure in evaluation.figures.items()}
    assert evaluation.failures + evaluation.unexplained == replay.failure_rows.failures
    assert evaluation.failures > 20
    assert evaluation.unexplained > 5
    assert figures["accuracy"] == figures["accuracy_of_last"] == figures["answered_share"] == 1
    assert figures["accuracy_of_commonest"] == pytest.approx(1 / 3, abs=0.1)
    skill = evaluation.figures["log_loss_skill"]
    low, high = skill.bounds()
    assert low is not None and high is not None and skill.value is not None  # noqa: PT018  - for mypy
    assert 0.3 < low <= skill.value <= high < 1


def test_a_window_without_failures_has_no_figures() -> None:
    records, rows = lemons(), rows_of(lemons(), SPLIT, 5)
    replay = replayed(records.known_at(START), rows, DAY / 1_000)
    resampler = draw_resampler(rows.names, rows.cutoffs[0], rows.cutoffs[-1], np.random.default_rng(1), 10)
    evaluation = evaluate_causes(replay, resampler)
    assert evaluation.failures == 0
    values = {name: figure.value for name, figure in evaluation.figures.items()}
    del values["log_loss_skill"]
    assert set(values.values()) == {None}
