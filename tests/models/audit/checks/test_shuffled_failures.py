import numpy as np
from numpy.typing import NDArray

from features.training.person_periods import Periods
from models.audit.checks.shuffled_failures import exchanged, shuffled_future, shuffled_past
from models.audit.finding import Severity
from models.audit.permutation import LabelledRows
from models.hazard.train import train
from tests.models.audit.plants import WINDOW, clean, setup_of
from tests.models.audit.test_permutation import some_marks


def truth(own: LabelledRows) -> NDArray[np.float64]:
    return own.failing[own.node, own.step].astype(np.float64)


def test_a_forecast_that_learned_from_shuffles_and_still_knows_is_found() -> None:
    own = some_marks(1, nodes=60, steps=10)

    def leaky(rng: np.random.Generator) -> NDArray[np.float64]:
        return truth(own) + rng.normal(0, 1, len(own.row))

    told = shuffled_past(own, leaky, np.random.default_rng(1))
    assert told.verdict is Severity.FOUND
    assert told.mend


def test_a_forecast_that_learned_from_shuffles_and_knows_nothing_is_clear() -> None:
    own = some_marks(1, nodes=60, steps=10)
    told = shuffled_past(own, lambda rng: rng.random(len(own.row)), np.random.default_rng(1))
    assert told.verdict is Severity.CLEAR


def test_no_honest_score_ranks_exchanged_futures() -> None:
    own = some_marks(2, nodes=60, steps=10)
    told = shuffled_future(own, truth(own), np.random.default_rng(1))
    assert told.verdict is Severity.CLEAR
    assert "1.000 on the real one" in told.figure


def test_few_failing_nodes_can_not_be_told() -> None:
    own = some_marks(2, nodes=5)
    assert shuffled_future(own, truth(own), np.random.default_rng(1)).verdict is Severity.INCONCLUSIVE
    assert shuffled_past(own, lambda _: truth(own), np.random.default_rng(1)).verdict is Severity.INCONCLUSIVE


def test_the_shuffled_past_is_another_one_of_the_same_rows() -> None:
    trained = train(clean().view(WINDOW.start), setup_of())
    told = exchanged(trained, np.random.default_rng(1))
    own = trained.training.periods
    assert told.outcome.shape == own.outcome.shape
    assert 0.2 * own.fails.sum() < told.fails.sum() < own.fails.sum()
    assert np.mean(told.fails[own.fails]) < 0.5
    assert isinstance(told, Periods)
