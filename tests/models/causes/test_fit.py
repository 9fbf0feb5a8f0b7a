from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from features.grid import days
from features.training.training_set import Design
from models.causes.evaluate import judge
from models.causes.fit import learn
from models.causes.labels import OTHER
from models.causes.model import UNKNOWN, CauseModel
from models.causes.replay import replay_causes
from models.hazard.train import Trained, train
from models.metrics.bootstrap import draw_resampler
from tests.features.fleets import DAY, START, Fleet, event
from tests.models.causes.made_up import TERMS, UNTIL, features_of, lemons, rows_of, with_node
from tests.models.replays import setup_of

if TYPE_CHECKING:
    from models.setup import Terms

SPLIT = START + 80 * DAY


def trained_on(whole: Fleet, terms: Terms = TERMS) -> Trained:
    own = replace(setup_of(metrics=(), min_failures=10**6), causes=terms)
    return train(whole.view(SPLIT), replace(own, design=Design((1.0, 3.0), 1.0, None, 5.0)))


@cache
def model() -> CauseModel:
    return replace(learn(trained_on(lemons())), booster=None)


def test_each_lemon_is_told_its_own_cause() -> None:
    whole, rows = lemons(), rows_of(lemons(), SPLIT, 0)
    answers = model().answers(model().probabilities(whole.view(SPLIT), rows, features_of(rows)))
    assert [rows.names[at] for at in rows.node] == ["n1", "n2", "n3", "n4", "n5"]  # n0 is down
    assert [one.cause for one in answers] == ["disk", "fan", "fan", "memory", "memory"]
    assert all(one.probability is not None and one.probability > 0.5 for one in answers)


def test_failures_without_a_cause_are_counted_and_are_no_class() -> None:
    assert model().causes.names == ("disk", "fan", "memory", OTHER)
    assert (model().failures, model().unexplained) == (73, 24)  # 17 of the node that fails at the split, else 16
    assert "73 of 97 failures have a known cause: disk, fan, memory" in model().summary


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        (replace(TERMS, min_failures=500), "failures have a known cause, 500 are needed"),
        (replace(TERMS, min_of_a_cause=500), "no cause was recorded 500 times"),
        (replace(TERMS, unknown=("unknown", "disk", "fan")), "the records tell one cause only: memory"),
    ],
)
def test_too_little_is_unknown_and_says_why(terms: Terms, why: str) -> None:
    told, rows = learn(trained_on(lemons(), terms)), rows_of(lemons(), SPLIT, 0)
    answers = told.answers(told.probabilities(lemons().view(SPLIT), rows, features_of(rows)))
    assert {(one.cause, one.probability) for one in answers} == {(UNKNOWN, None)}
    assert all(one.why.endswith(why) for one in answers)
    assert why in told.summary


def test_a_new_node_gets_the_pooled_answer() -> None:
    grown = with_node("n9", SPLIT - DAY)
    rows = rows_of(grown, SPLIT, 0)
    told = model().probabilities(grown.view(SPLIT), rows, features_of(rows))
    shares = told[[rows.names[at] for at in rows.node].index("n9")]
    assert shares.sum() == pytest.approx(1)
    assert shares[:3].max() - shares[:3].min() < 0.1


def test_an_undecided_node_names_what_leads() -> None:
    (answer,) = model().answers(np.array([[0.4, 0.35, 0.2, 0.05]]))
    assert (answer.cause, answer.why) == (UNKNOWN, "disk 40%, fan 35%: none reaches 50%")
    (rare,) = model().answers(np.array([[0.1, 0.1, 0.1, 0.7]]))
    assert rare.why == "other 70%, disk 10%: rare causes lead"


def test_learning_and_telling_know_nothing_of_the_future() -> None:
    whole, later = lemons(), event("n0", START + 20 * DAY, START + 21 * DAY, cause="fan", recorded_at=SPLIT + DAY)
    other = lemons(later, *(event("n2", SPLIT + day * DAY, cause="disk") for day in range(1, 20)))
    cut, rows = learn(trained_on(whole.known_at(SPLIT))), rows_of(whole, SPLIT, 10)
    assert replace(cut, booster=None) == model()
    told = [model().probabilities(one.view(SPLIT), rows, features_of(rows)).tobytes() for one in (whole, other)]
    assert told[0] == told[1] == cut_told(cut, whole)


def cut_told(cut: CauseModel, whole: Fleet) -> bytes:
    rows = rows_of(whole, SPLIT, 10)
    view = whole.known_at(SPLIT).view(SPLIT)
    return replace(cut, booster=None).probabilities(view, rows, features_of(rows)).tobytes()


def test_what_was_foretold_is_judged_beside_frequencies_and_the_last_cause() -> None:
    whole = lemons()
    rows = rows_of(whole, UNTIL - 4 * DAY, 35)
    told = replay_causes(model(), whole.view(), rows, features_of(rows), days(3))
    rng = np.random.default_rng(1)
    resampler = draw_resampler(rows.names, rows.cutoffs[0], rows.cutoffs[-1] + days(4), rng, 200)
    found = judge(told, resampler)
    figures = {name: figure.value for name, figure in found.figures.items()}
    assert (found.failures, found.unexplained) == (told.ahead.failures - found.unexplained, found.unexplained)
    assert found.failures > 20
    assert found.unexplained > 5
    assert figures["accuracy"] == figures["accuracy_of_last"] == figures["answered_share"] == 1
    assert figures["accuracy_of_commonest"] == pytest.approx(1 / 3, abs=0.1)
    skill = found.figures["log_loss_skill"]
    low, high = skill.bounds()
    assert low is not None and high is not None and skill.value is not None  # noqa: PT018  - for mypy
    assert 0.3 < low <= skill.value <= high < 1


def test_a_window_without_failures_has_no_figures() -> None:
    whole, rows = lemons(), rows_of(lemons(), SPLIT, 5)
    told = replay_causes(model(), whole.known_at(START).view(), rows, features_of(rows), days(0.001))
    found = judge(told, draw_resampler(rows.names, rows.cutoffs[0], rows.cutoffs[-1], np.random.default_rng(1), 10))
    assert found.failures == 0
    assert all(figure.value is None for name, figure in found.figures.items() if name != "log_loss_skill")
