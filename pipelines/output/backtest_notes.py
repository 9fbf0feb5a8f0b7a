"""Sentences about a backtest, the same on a terminal and in the report: alarms, early catches, outliers, causes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from data.time_grid import DAY, in_days
from models.evaluation.evaluate import MODEL
from models.evaluation.lead_times import caught_share_name, notice_within
from models.evaluation.slices.groups import AGE, AT_WORK, HISTORY, IDLE, WORK
from pipelines.output.estimates import fixed, percent, with_interval
from serving.formats import alarm_rate, duration, number, pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from models.backtest.result import Backtest
    from models.evaluation.slices.slices import Slice, Slicing

HISTORY_BASELINE: Final = "history"
MOST_NAMED: Final = 3  # slices
WHOLE_FAILURES: Final = 10  # from so many expected failures on, a fraction of one means nothing


def nodes_at_risk(backtest: Backtest, horizon: timedelta) -> int:
    """Return the number of nodes at risk at a time: the median over the window."""
    _, nodes = np.unique(backtest.replay.of_horizon(horizon)[0].ts, return_counts=True)
    return int(np.median(nodes)) if len(nodes) else 0


def alarms_of(rate: float, nodes: int) -> str:
    """Return what a rate of alarms means for so many nodes: 4.9 a day for 973 nodes, one every 20 h for 12 nodes."""
    fleet, a_day = pluralize(nodes, "node"), rate * nodes
    if not a_day:
        return f"none for {fleet}"
    return f"{number(a_day)} a day for {fleet}" if a_day >= 1 else f"one every {duration(DAY / a_day)} for {fleet}"


def rate_notes(backtest: Backtest) -> Iterator[str]:
    """Yield the alarm rates that are less than one alarm a forecast for this fleet: its nodes wait for their alarms."""
    nodes = nodes_at_risk(backtest, min(backtest.evaluations)) if backtest.evaluations else 0
    step_days = in_days(backtest.replay.setup.design.every)
    for rate in backtest.budgets.rates:
        if 0 < rate * nodes * step_days < 1:
            yield f"at {alarm_rate(rate)}, {_get(nodes)} an alarm every {duration(DAY / (rate * nodes))}"


def without_alarms(backtest: Backtest, horizon: timedelta) -> Iterator[str]:
    """Yield a note if the model raised no alarm in the whole window at the headline's rate."""
    rate, window = backtest.budgets.headline_rate, backtest.replay.window
    episodes = backtest.evaluations[horizon].models[MODEL].episode_budgets[rate]["episodes"]
    if not episodes and backtest.replay.is_judged(horizon).any():
        alarms = alarms_of(rate, nodes_at_risk(backtest, horizon))
        yield (
            f"no alarm {duration(horizon)} ahead: {alarm_rate(rate)} is {alarms}, "
            f"in a window of {duration(window.end - window.start)}"
        )


def _get(nodes: int) -> str:
    return f"{pluralize(nodes, 'node')} {'gets' if nodes == 1 else 'get'}"


def horizon_notes(backtest: Backtest, horizon: timedelta) -> Iterator[str]:
    """Yield what the largest alarm budget catches early enough to act, and which slices the forecast gets wrong."""
    largest, evaluation = backtest.budgets.rates[-1], backtest.evaluations[horizon]
    for notice in notice_within(backtest.budgets.notices, horizon):
        name = caught_share_name(notice)
        caught = with_interval(evaluation.figure(name, MODEL, rate=largest), fixed(3))
        yield f"caught ≥ {duration(notice)} ahead, {alarm_rate(largest)}: {caught}"
        if HISTORY_BASELINE in evaluation.models:
            ratio = with_interval(evaluation.ratio(name, MODEL, HISTORY_BASELINE, rate=largest), fixed(2))
            yield f"the same, {MODEL} / {HISTORY_BASELINE}: {ratio}"
    yield from caught_by_work(backtest.slicings[horizon])
    yield from outlier_notes(backtest.slicings[horizon])


def caught_by_work(slicing: Slicing) -> Iterator[str]:
    """Yield how many failures were caught on nodes at work and on idle ones, if nodes of both kinds failed."""
    slices = slicing.groupings.get(WORK, ())
    caught = {part.label: f"{part.caught:,} of {part.failures:,}" for part in slices if part.failures}
    if {AT_WORK, IDLE} <= caught.keys():
        yield (
            f"failures caught on nodes at work: {caught[AT_WORK]}; "
            f"on idle nodes, where a drain saves little: {caught[IDLE]}"
        )


def outlier_notes(slicing: Slicing) -> Iterator[str]:
    """Yield the slices with more or fewer failures than forecast, beyond chance, those furthest off first."""
    for grouping, part in slicing.outliers[:MOST_NAMED]:
        yield f"{slice_name(grouping, part.label)}: {part.failures:,} failed, {expected_failures(part)} expected"
    if len(slicing.outliers) > MOST_NAMED:
        yield f"{len(slicing.outliers) - MOST_NAMED} more parts of the fleet stand out: --report shows them"


def expected_failures(part: Slice) -> str:
    """Return how many failures were forecast for a slice, as text."""
    return f"{part.expected_failures:,.{0 if part.expected_failures >= WHOLE_FAILURES else 1}f}"


def slice_name(grouping: str, label: str) -> str:
    """Return a slice's name that is clear without its heading: 'rack 12' for 12, but 'rack-12' unchanged."""
    if grouping == AGE:
        return f"nodes known for {label}"
    if grouping == HISTORY:
        return f"nodes that {label}" if label.startswith("have") else f"nodes {label}"
    if grouping == WORK:
        return {IDLE: "idle nodes", AT_WORK: "nodes at work"}.get(label, "nodes whose work is unknown")
    return label if label.lower().startswith(grouping) else f"{grouping} {label}"


def cause_notes(backtest: Backtest) -> list[str]:
    """Return how often a likely cause was named at the longest horizon, and how often it was correct."""
    causes, horizon = backtest.replay.causes, max(backtest.evaluations, default=None)
    if causes is None or horizon is None:
        return []
    evaluation = backtest.evaluate_causes(horizon)
    if evaluation is None or not evaluation.failures or causes.model.doubt:
        return [causes.model.summary]
    figures, failures = evaluation.figures, f"{evaluation.failures:,} failures within {duration(horizon)}"
    if not figures["answered_share"].value:
        return [causes.model.summary, f"no cause was named for the {failures}"]

    def share(name: str) -> str:
        return with_interval(figures[name], percent)

    judged = (
        f"of {failures} whose cause is known ({evaluation.unexplained:,} more have none): a cause was named for "
        f"{share('answered_share')}, and was correct for {share('answered_accuracy')} of these (forecast: "
        f"{share('answered_probability')}); the fleet's most common cause is correct for "
        f"{share('accuracy_of_commonest')}, the node's last one for {share('accuracy_of_last')}; log-loss skill over "
        f"the fleet's frequencies {with_interval(figures['log_loss_skill'], fixed(3))}"
    )
    return [causes.model.summary, judged]
