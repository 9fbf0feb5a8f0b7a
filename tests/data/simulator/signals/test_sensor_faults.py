from __future__ import annotations

import numpy as np

from data.simulator.signals.sensor_faults import FAULTY_SENSORS, SPIKES, add_sensor_faults

TIMES = np.arange(1.0, 24 * 365.0)
TRUE = {name: 50.0 + np.sin(TIMES) for name in (*FAULTY_SENSORS, "boot_time")}


def faulty_gauges(seed: int) -> dict[str, np.ndarray]:
    return add_sensor_faults(TRUE, TIMES, TIMES[-1], np.random.default_rng(seed))


def test_sensors_get_stuck_report_spikes_or_report_nothing() -> None:
    kinds = set[str]()
    for seed in range(60):
        for name, reported in faulty_gauges(seed).items():
            is_wrong = reported != TRUE[name]
            if np.isnan(reported[is_wrong]).any():
                kinds.add("silent")
            elif len(set(reported[is_wrong])) == 1 and is_wrong.sum() > 5:
                kinds.add("stuck")
            elif is_wrong.any():
                np.testing.assert_array_less(reported[is_wrong], 51.0 * max(SPIKES) + 1)
                kinds.add("spiking")
    assert kinds == {"silent", "stuck", "spiking"}


def test_most_samples_are_right_and_the_true_values_are_not_changed() -> None:
    before = {name: values.copy() for name, values in TRUE.items()}
    wrong_shares = [
        (reported != TRUE[name]).mean() for seed in range(20) for name, reported in faulty_gauges(seed).items()
    ]
    assert np.mean(wrong_shares) < 0.02
    for name, values in before.items():
        np.testing.assert_array_equal(TRUE[name], values)
