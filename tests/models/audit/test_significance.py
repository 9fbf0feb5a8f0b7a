import numpy as np
import pytest
from scipy.stats import binomtest

from models.audit.finding import Severity
from models.audit.significance import (
    LEVEL,
    RELEVANT_SHARE,
    binomial_p_value,
    format_p,
    lower_bound,
    permutation_p_value,
    severity,
)


@pytest.mark.parametrize(("hits", "trials", "probability"), [(0, 10, 0.1), (3, 10, 0.1), (10, 10, 0.5), (7, 200, 0.01)])
def test_the_binomial_test_is_scipys(hits: int, trials: int, probability: float) -> None:
    expected = binomtest(hits, trials, probability, "greater").pvalue
    assert binomial_p_value(hits, trials, probability) == pytest.approx(expected)


@pytest.mark.parametrize(("hits", "trials"), [(1, 10), (9, 10), (10, 10), (250, 400)])
def test_the_lower_bound_is_scipys(hits: int, trials: int) -> None:
    interval = binomtest(hits, trials, alternative="greater").proportion_ci(1 - LEVEL, method="exact")
    assert lower_bound(hits, trials) == pytest.approx(interval.low)


def test_nothing_of_nothing_has_no_bound() -> None:
    assert lower_bound(0, 0) == 0


def test_the_real_arrangement_is_one_of_all() -> None:
    assert permutation_p_value(5.0, np.array([1.0, 2.0, 5.0, 6.0])) == pytest.approx(3 / 5)
    assert permutation_p_value(9.0, np.zeros(999)) == pytest.approx(1 / 1000)


def test_what_is_beyond_chance_is_found_only_if_it_affects_enough_failures() -> None:
    assert severity(LEVEL, 1.0) is Severity.CLEAR
    assert severity(LEVEL / 2, RELEVANT_SHARE) is Severity.FOUND
    assert severity(LEVEL / 2, RELEVANT_SHARE / 2) is Severity.SUSPICIOUS


def test_p_is_written_with_two_digits() -> None:
    assert [format_p(p) for p in (0.25, 0.000123, 0.0)] == ["p = 0.25", "p = 0.00012", "p < 1e-12"]
