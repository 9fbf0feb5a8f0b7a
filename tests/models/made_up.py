"""Made-up cases of any size, with failures that come early to a few nodes, and scores of several kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.outages import repeat_within
from data.time_grid import DAY
from features.grid import to_step
from models.evaluation.evaluation_set import EvaluationSet

if TYPE_CHECKING:
    from datetime import timedelta

Scores = dict[str, NDArray[np.float64]]
START = np.datetime64("2021-07-01", "us")


@dataclass(frozen=True, slots=True)
class Size:
    nodes: int = 12
    steps: int = 30
    failures: int = 40
    horizon: timedelta = 7 * DAY
    every: timedelta = DAY


def made_up_cases(rng: np.random.Generator, size: Size) -> EvaluationSet:
    """Draw cases whose labels follow from their failures; a few rows are dropped, on probation or not at risk."""
    times = START + to_step(size.every) * np.arange(size.steps)
    horizon = to_step(size.horizon)
    span = times[-1] - times[0] + horizon
    risk = rng.gamma(0.4, 1.0, size.nodes)
    failure_node = np.sort(rng.choice(size.nodes, size.failures, p=risk / risk.sum())).astype(np.int32)
    failure_start = START + (rng.random(size.failures) * span.astype(np.int64)).astype("timedelta64[us]")
    label = np.zeros((size.nodes, size.steps))
    for node, start in zip(failure_node, failure_start, strict=True):
        label[node, (times < start) & (times >= start - horizon)] = 1
    label[rng.random(label.shape) < 0.04] = np.nan
    at_risk = rng.random(label.shape) < 0.96
    can_alarm = rng.random(label.shape) < 0.97
    node, step = np.nonzero(at_risk)
    return EvaluationSet(
        names=tuple(f"node-{index:06d}" for index in range(size.nodes)),
        node=node.astype(np.int32),
        ts=times[step],
        label=label[at_risk],
        can_alarm=can_alarm[at_risk],
        times=times,
        failure_node=failure_node,
        failure_start=failure_start,
        horizon=size.horizon,
        every=size.every,
        repeat=repeat_within(size.horizon),
    )


def made_up_scores(rng: np.random.Generator, cases: EvaluationSet) -> Scores:
    """Draw scores that know nothing, tie everywhere, tie often, and know a little of the labels."""
    rows = len(cases.node)
    label = np.nan_to_num(cases.label)
    rate = max(float(label.mean()), 1e-3)
    counts = rng.poisson(0.3 + label)
    log_odds = np.log(rate / (1 - rate)) + 1.5 * label + rng.normal(0, 1, rows)
    return {
        "random": rng.random(rows),
        "base_rate": np.full(rows, rate),
        "rule": counts / (counts + 20.0),
        "model": 1 / (1 + np.exp(-log_odds)),
    }
