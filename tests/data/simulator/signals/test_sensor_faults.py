from __future__ import annotations

import numpy as np

from data.simulator.signals.sensor_faults import LIARS, SPIKES, distort

TIMES = np.arange(1.0, 24 * 365.0)
TRUE = {name: 50.0 + np.sin(TIMES) for name in (*LIARS, "boot_time")}


def lies(seed: int) -> dict[str, np.ndarray]:
    return distort(TRUE, TIMES, TIMES[-1], np.random.default_rng(seed))


def test_sensors_stick_spike_and_fall_silent() -> None:
    kinds = set[str]()
    for seed in range(60):
        for name, told in lies(seed).items():
            wrong = told != TRUE[name]
            if np.isnan(told[wrong]).any():
                kinds.add("silent")
            elif len(set(told[wrong])) == 1 and wrong.sum() > 5:
                kinds.add("stuck")
            elif wrong.any():
                np.testing.assert_array_less(told[wrong], 51.0 * max(SPIKES) + 1)
                kinds.add("spiking")
    assert kinds == {"silent", "stuck", "spiking"}


def test_most_sensors_tell_the_truth_and_the_true_values_stay_as_they_were() -> None:
    before = {name: values.copy() for name, values in TRUE.items()}
    wrong = [(told != TRUE[name]).mean() for seed in range(20) for name, told in lies(seed).items()]
    assert np.mean(wrong) < 0.02
    for name, values in before.items():
        np.testing.assert_array_equal(TRUE[name], values)
