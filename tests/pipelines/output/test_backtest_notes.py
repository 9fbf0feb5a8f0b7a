from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from models.causes.evaluate import CauseEvaluation
from models.evaluation.slices.slices import Slice, Slicing
from models.metrics.estimate import Estimate
from pipelines.output.backtest_notes import (
    caught_by_work,
    cause_notes,
    horizon_notes,
    outlier_notes,
    rate_notes,
    slice_name,
    without_alarms,
)
from tests.pipelines.report.reports import whole

DAY = timedelta(days=1)
OUTLIER = Slice("12", 0, 900, 12, 0.25, 14, 3, 5.0, {"observed_over_expected": Estimate(2.8)}, stands_out=True)


def slicing(*racks: Slice) -> Slicing:
    return Slicing(0.005, OUTLIER, {"rack": racks}, (), dispersion=1.5, compared=40, unusual=3)


def test_outliers_are_named_furthest_first_and_the_rest_counted() -> None:
    racks = [replace(OUTLIER, label=str(number), failures=14 + number) for number in range(5)]
    notes = list(outlier_notes(slicing(*racks, replace(OUTLIER, stands_out=False))))
    assert notes[0] == "rack 4: 18 failed, 5.0 expected"
    assert [line.split(":")[0] for line in notes[:3]] == ["rack 4", "rack 3", "rack 2"]
    assert notes[3] == "2 more parts of the fleet stand out: --report shows them"
    assert list(outlier_notes(slicing(replace(OUTLIER, stands_out=False)))) == []


@pytest.mark.parametrize(
    ("grouping", "label", "name"),
    [
        ("rack", "12", "rack 12"),
        ("rack", "Rack-12", "Rack-12"),
        ("hardware", "ST3000", "hardware ST3000"),
        ("age", "under 30 days", "nodes known for under 30 days"),
        ("history", "have failed before", "nodes that have failed before"),
        ("history", "without a failure so far", "nodes without a failure so far"),
        ("work", "idle", "idle nodes"),
        ("work", "at work", "nodes at work"),
        ("work", "not given", "nodes whose work is unknown"),
    ],
)
def test_a_slice_has_a_name_that_is_clear_without_its_heading(grouping: str, label: str, name: str) -> None:
    assert slice_name(grouping, label) == name


def test_early_catches_are_reported_where_the_horizon_is_long_enough() -> None:
    backtest = whole().backtest
    assert list(horizon_notes(backtest, DAY)) == [
        *caught_by_work(backtest.slicings[DAY]),
        *outlier_notes(backtest.slicings[DAY]),
    ]
    first, second, *_ = horizon_notes(backtest, 7 * DAY)
    value = backtest.evaluations[7 * DAY].figure("caught_share_24h", "model", rate=0.2).value
    assert first.startswith(f"caught ≥ 24 h ahead, one alarm per 5 nodes and day: {value:.3f} [")
    assert second.startswith("the same, model / history: ")


def rates_of(nodes: int, every: timedelta, rates: tuple[float, ...]) -> list[str]:
    """Return the notes on rates for a fleet of so many nodes."""
    ts = np.repeat(np.arange(5), nodes)
    replay = SimpleNamespace(
        setup=SimpleNamespace(design=SimpleNamespace(every=every)), of_horizon=lambda _: (SimpleNamespace(ts=ts), {})
    )
    fake = SimpleNamespace(evaluations={DAY: None}, replay=replay, budgets=SimpleNamespace(rates=rates))
    return list(rate_notes(fake))  # type: ignore[arg-type]  # all that is read of a Backtest


def test_a_rate_below_one_alarm_a_forecast_is_named() -> None:
    assert rates_of(12, DAY, (0.005, 0.1)) == [
        "at one alarm per 200 nodes and day, 12 nodes get an alarm every 16.7 days"
    ]
    assert rates_of(1, DAY / 24, (0.5, 24.0)) == ["at one alarm per 2 nodes and day, 1 node gets an alarm every 2 days"]
    assert rates_of(1000, DAY, (0.005,)) == []
    assert rates_of(0, DAY, (0.005,)) == []


def test_a_window_without_an_alarm_has_a_note() -> None:
    backtest = whole().backtest
    assert [note for horizon in backtest.evaluations for note in without_alarms(backtest, horizon)] == []
    evaluation = backtest.evaluations[DAY]
    none = replace(evaluation.models["model"], episode_budgets={0.1: {"episodes": 0}})
    silent = replace(backtest, evaluations={DAY: replace(evaluation, models={"model": none})})
    (note,) = without_alarms(silent, DAY)
    assert note.startswith("no alarm 24 h ahead: one alarm per 10 nodes and day is 1.")
    assert note.endswith(" nodes, in a window of 31 days")


def test_catches_on_nodes_at_work_and_on_idle_ones_are_separate() -> None:
    busy, idle = (
        replace(OUTLIER, label=label, caught=caught, failures=9) for label, caught in (("at work", 2), ("idle", 7))
    )
    (note,) = caught_by_work(replace(slicing(OUTLIER), groupings={"work": (busy, idle)}))
    assert note == "failures caught on nodes at work: 2 of 9; on idle nodes, where a drain saves little: 7 of 9"
    assert list(caught_by_work(replace(slicing(OUTLIER), groupings={"work": (busy,)}))) == []
    assert (
        list(caught_by_work(replace(slicing(OUTLIER), groupings={"work": (busy, replace(idle, failures=0, caught=0))})))
        == []
    )
    assert list(caught_by_work(slicing(OUTLIER))) == []


def causes_of(evaluation: CauseEvaluation | None, doubt: str = "") -> list[str]:
    """Return the notes on a backtest with this evaluation of causes at its longest horizon, 7 days."""
    model = SimpleNamespace(summary="the summary", doubt=doubt)
    fake = SimpleNamespace(
        replay=SimpleNamespace(causes=SimpleNamespace(model=model)),
        evaluations={DAY: None, 7 * DAY: None},
        evaluate_causes={7 * DAY: evaluation}.get,
    )
    return cause_notes(fake)  # type: ignore[arg-type]  # all that is read of a Backtest


def test_likely_causes_are_reported_with_how_often_they_were_correct() -> None:
    figures = {
        "answered_share": Estimate(0.4), "answered_accuracy": Estimate(0.6), "answered_probability": Estimate(0.55),
        "accuracy_of_commonest": Estimate(0.3), "accuracy_of_last": Estimate(0.2), "log_loss_skill": Estimate(0.1234),
    }  # fmt: skip
    sentence = (
        "of 25 failures within 7 days whose cause is known (1,003 more have none): a cause was named for 40%, and was "
        "correct for 60% of these (forecast: 55%); the fleet's most common cause is correct for 30%, the node's last "
        "one for 20%; log-loss skill over the fleet's frequencies 0.123"
    )
    assert causes_of(CauseEvaluation(25, 1_003, figures)) == ["the summary", sentence]
    silent = CauseEvaluation(25, 0, {**figures, "answered_share": Estimate(0.0)})
    assert causes_of(silent) == ["the summary", "no cause was named for the 25 failures within 7 days"]


def test_without_an_evaluation_of_causes_there_is_only_the_summary() -> None:
    assert causes_of(None) == causes_of(CauseEvaluation(0, 5, {})) == ["the summary"]
    assert causes_of(CauseEvaluation(25, 5, {}), doubt="too few failures") == ["the summary"]
    backtest = SimpleNamespace(replay=SimpleNamespace(causes=None), evaluations={7 * DAY: None})
    assert cause_notes(backtest) == []  # type: ignore[arg-type]  # as above
