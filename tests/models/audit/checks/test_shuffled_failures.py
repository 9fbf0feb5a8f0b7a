import numpy as np
from numpy.typing import NDArray

from features.training.person_periods import Periods
from models.audit.checks.shuffled_failures import check_future, check_past, permuted_periods
from models.audit.finding import Severity
from models.audit.permutation import LabelledCases
from models.hazard.train import train
from tests.models.audit.plants import WINDOW, clean, setup_of
from tests.models.audit.test_permutation import labelled_cases


def truth(labelled: LabelledCases) -> NDArray[np.float64]:
    return labelled.failing[labelled.node, labelled.step].astype(np.float64)


def test_a_forecast_fitted_to_permuted_failures_that_still_has_skill_is_found() -> None:
    labelled = labelled_cases(1, nodes=60, steps=10)

    def leaky(rng: np.random.Generator) -> NDArray[np.float64]:
        return truth(labelled) + rng.normal(0, 1, len(labelled.case))

    finding = check_past(labelled, leaky, np.random.default_rng(1))
    assert finding.verdict is Severity.FOUND
    assert finding.fix


def test_a_forecast_fitted_to_permuted_failures_without_skill_is_clear() -> None:
    labelled = labelled_cases(1, nodes=60, steps=10)
    finding = check_past(labelled, lambda rng: rng.random(len(labelled.case)), np.random.default_rng(1))
    assert finding.verdict is Severity.CLEAR


def test_no_honest_score_ranks_permuted_futures() -> None:
    labelled = labelled_cases(2, nodes=60, steps=10)
    finding = check_future(labelled, truth(labelled), np.random.default_rng(1))
    assert finding.verdict is Severity.CLEAR
    assert "1.000 on the real one" in finding.figure


def test_with_few_failing_nodes_there_is_no_verdict() -> None:
    labelled = labelled_cases(2, nodes=5)
    assert check_future(labelled, truth(labelled), np.random.default_rng(1)).verdict is Severity.INCONCLUSIVE
    assert check_past(labelled, lambda _: truth(labelled), np.random.default_rng(1)).verdict is Severity.INCONCLUSIVE


def test_a_forecast_that_gives_every_node_the_same_risk_ranks_none() -> None:
    labelled = labelled_cases(2, nodes=60, steps=10)
    finding = check_future(labelled, np.full(len(truth(labelled)), 0.1), np.random.default_rng(1))
    assert finding.verdict is Severity.INCONCLUSIVE
    assert "same risk" in finding.figure


def test_a_permuted_past_has_other_outcomes_of_the_same_rows() -> None:
    trained = train(clean().view(WINDOW.start), setup_of())
    permuted = permuted_periods(trained, np.random.default_rng(1))
    periods = trained.training.periods
    assert permuted.outcome.shape == periods.outcome.shape
    assert 0.2 * periods.fails.sum() < permuted.fails.sum() < periods.fails.sum()
    assert np.mean(permuted.fails[periods.fails]) < 0.5
    assert isinstance(permuted, Periods)
