from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from models.causes.evaluate import CauseEvaluation
from models.evaluation.slices.slices import Slice, Slicing
from models.metrics.estimate import Estimate
from pipelines.output.backtest_notes import caught_by_work, cause_notes, horizon_notes, outlier_notes, slice_name
from tests.pipelines.report.reports import whole

OUTLIER = Slice("12", 0, 900, 12, 0.25, 14, 3, 5.0, {"observed_over_expected": Estimate(2.8)}, stands_out=True)


def slicing(*racks: Slice) -> Slicing:
    return Slicing(0.01, OUTLIER, {"rack": racks}, (), dispersion=1.5, compared=40, unusual=3)


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
    assert list(horizon_notes(backtest, 1.0)) == [
        *caught_by_work(backtest.slicings[1.0]),
        *outlier_notes(backtest.slicings[1.0]),
    ]
    first, second, *_ = horizon_notes(backtest, 7.0)
    value = backtest.evaluations[7.0].figure("caught_share_24h", "model", 0.2).value
    assert first.startswith(f"caught at least 24 h ahead, alarms on 20.0%: {value:.3f} [")
    assert second.startswith("the same, model / history: ")


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
        evaluations={1.0: None, 7.0: None},
        evaluate_causes={7.0: evaluation}.get,
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
    backtest = SimpleNamespace(replay=SimpleNamespace(causes=None), evaluations={7.0: None})
    assert cause_notes(backtest) == []  # type: ignore[arg-type]  # as above
