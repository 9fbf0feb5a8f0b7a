import numpy as np
import pytest
from numpy.typing import NDArray

from models.hazard.newton import Clipped, Halved, newton

Floats = NDArray[np.float64]
PEAK = np.array([3.0, -2.0])


def quadratic(beta: Floats) -> tuple[Floats, Floats]:
    """The derivatives of -(beta - PEAK)² / 2."""
    return PEAK - beta, np.eye(2)


def log_cosh(beta: Floats) -> tuple[Floats, Floats]:
    """The derivatives of -log cosh(beta), from which whole Newton steps diverge beyond about 1.1."""
    return -np.tanh(beta), np.diag(1 / np.cosh(beta) ** 2)


def test_the_peak_of_a_quadratic_is_one_step_away() -> None:
    assert newton(quadratic, np.zeros(2), Clipped(10.0, 1e-9), 1).tolist() == PEAK.tolist()


def test_clipped_steps_move_no_parameter_further_than_the_longest() -> None:
    assert newton(quadratic, np.zeros(2), Clipped(1.0, 1e-9), 2).tolist() == [2.0, -2.0]
    assert newton(quadratic, np.zeros(2), Clipped(1.0, 1e-9), 50).tolist() == PEAK.tolist()


def test_halved_steps_reach_a_peak_that_whole_steps_overshoot() -> None:
    start = np.array([3.0])

    def loss(beta: Floats) -> float:
        return float(np.log(np.cosh(beta)).sum())

    assert abs(float(newton(log_cosh, start, Halved(loss, 1e-12), 100)[0])) < 1e-6
    with np.errstate(over="ignore"), pytest.raises(np.linalg.LinAlgError):
        newton(log_cosh, start, Clipped(np.inf, 1e-12), 100)


def test_a_step_that_gains_less_than_the_tolerance_is_not_taken() -> None:
    def loss(beta: Floats) -> float:
        return float(((beta - PEAK) ** 2).sum() / 2)

    assert newton(quadratic, np.zeros(2), Halved(loss, 7.0), 5).tolist() == [0.0, 0.0]
    assert newton(quadratic, np.zeros(2), Halved(loss, 6.0), 5).tolist() == PEAK.tolist()
