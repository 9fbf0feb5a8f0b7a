from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from features.grid import to_datetime
from models.evaluation.context import EvaluationContext
from models.evaluation.evaluate import AlarmBudgets, evaluate
from models.evaluation.slices.pooling import MOST_FAILED, OTHERS
from models.evaluation.slices.slices import Slice, Slicing, slice_alarms
from models.evaluation.slices.sums import ModelAlarms
from models.metrics.bootstrap import draw_resampler
from tests.features.fleets import Fleet, event, fleet
from tests.models.made_up import START, Size, made_up_cases, made_up_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluation.evaluation_set import EvaluationSet

RATE = 0.1  # alarm episodes per node and day


def records(cases: EvaluationSet, racks: int) -> Fleet:
    """Return the records that the cases are of, with nodes in so many racks, the oldest observed for a year."""
    nodes = [
        {
            "node": name,
            "rack": f"r{i % racks:02d}",
            "observed_from": to_datetime(START - np.timedelta64(400 - i, "D")),
        }
        for i, name in enumerate(cases.names)
    ]
    order = np.lexsort((cases.failure_start, cases.failure_node))
    failures = [
        event(cases.names[node], to_datetime(start), to_datetime(start), cause="disk" if i % 3 else None)
        for i, (node, start) in enumerate(zip(cases.failure_node[order], cases.failure_start[order], strict=True))
    ]
    return fleet(failures, nodes)


def apart(node: NDArray[np.int32], start: NDArray[np.datetime64]) -> NDArray[np.intp]:
    """Order failures, without those that would be merged with one before them."""
    kept: list[int] = []
    for i in np.lexsort((start, node)).tolist():
        if not kept or node[i] != node[kept[-1]] or start[i] - start[kept[-1]] > np.timedelta64(24, "h"):
            kept.append(i)
    return np.array(kept, dtype=np.intp)


def spaced(size: Size, seed: int = 3) -> tuple[EvaluationSet, NDArray[np.float64]]:
    """Return cases and scores that know a little of them."""
    rng = np.random.default_rng(seed)
    drawn = made_up_cases(rng, size)
    kept = apart(drawn.failure_node, drawn.failure_start)
    cases = replace(drawn, failure_node=drawn.failure_node[kept], failure_start=drawn.failure_start[kept])
    return cases, made_up_scores(rng, cases)["model"]


def sliced(cases: EvaluationSet, probability: NDArray[np.float64], racks: int = 3, size: int = 200) -> Slicing:
    end = START + np.timedelta64(400, "D")
    resampler = draw_resampler(cases.names, START, end, np.random.default_rng(7), size)
    alarms = ModelAlarms.of(EvaluationContext.of(cases, resampler), probability, RATE)
    return slice_alarms(alarms, records(cases, racks).view())


def test_the_slice_of_the_whole_fleet_equals_the_evaluation() -> None:
    cases, probability = spaced(Size(nodes=30, failures=80))
    resampler = draw_resampler(cases.names, START, START + np.timedelta64(400, "D"), np.random.default_rng(7), 200)
    evaluation = evaluate(cases, {"model": probability}, AlarmBudgets((0.2,), (RATE,)), resampler)
    whole = sliced(cases, probability).fleet
    for name, rate in (("caught_share", RATE), ("precision", RATE), ("observed_over_expected", None)):
        expected = evaluation.figure(name, "model", rate=rate)
        assert whole.figures[name].value == pytest.approx(expected.value)
        assert whole.figures[name].draws == pytest.approx(expected.draws, nan_ok=True)
    assert whole.share_of_alarms == 1.0


def test_the_slice_of_a_rack_equals_the_evaluation_of_its_rows_under_the_fleets_alarms() -> None:
    cases, probability = spaced(Size(nodes=30, failures=120))
    racks = {part.label: part for part in sliced(cases, probability).groupings["rack"]}
    assert sorted(racks) == ["r00", "r01", "r02"]
    alarmed, held_until, bank = np.zeros(len(cases.node), dtype=bool), np.full(30, START), 0.0
    for ts in cases.times:
        rows = np.flatnonzero((cases.ts == ts) & cases.can_alarm)
        bank = min(bank, RATE * len(rows)) + RATE * len(rows)
        free = rows[held_until[cases.node[rows]] <= ts]
        begun = free[np.argsort(-probability[free])][: int(bank)]
        alarmed[begun], held_until[cases.node[begun]] = True, ts + cases.horizon_step
        bank -= len(begun)
    for number in range(3):
        in_rack, rack = cases.node % 3 == number, racks[f"r{number:02d}"]
        kept = in_rack & cases.is_kept
        inside = (cases.failure_node % 3 == number) & (cases.failure_start > cases.times[0])
        inside &= cases.failure_start <= cases.times[-1] + cases.horizon_step
        caught = [
            bool((alarmed & (cases.node == node) & (cases.ts < start) & (cases.ts >= start - cases.horizon_step)).any())
            for node, start in zip(cases.failure_node[inside], cases.failure_start[inside], strict=True)
        ]
        assert (rack.failures, rack.caught, rack.node_days) == (len(caught), sum(caught), kept.sum())
        assert rack.alarms == (in_rack & alarmed).sum()
        assert rack.figures["precision"].value == pytest.approx(cases.label[kept & alarmed].mean())
        level = cases.label[kept].sum() / probability[kept].sum()
        assert rack.figures["observed_over_expected"].value == pytest.approx(level)
        assert rack.expected_failures == pytest.approx(rack.failures / level)
        assert (rack.figures["precision"].bounds()[0] is not None) == (rack.failures >= 20)


@pytest.mark.parametrize("racks", [3, 12, 40])
def test_the_slices_of_a_grouping_add_up_to_the_fleet(racks: int) -> None:
    cases, probability = spaced(Size(nodes=80, failures=150))
    slicing = sliced(cases, probability, racks)
    assert list(slicing.groupings) == ["rack", "age", "history"]
    for slices in slicing.groupings.values():
        for count in ("node_days", "alarms", "failures", "caught"):
            assert sum(getattr(part, count) for part in slices) == getattr(slicing.fleet, count)
    assert sum(part.failures for part in slicing.causes) == slicing.fleet.failures


def test_many_racks_are_pooled_but_those_with_the_most_failures() -> None:
    cases, probability = spaced(Size(nodes=80, failures=150))
    *apart, others = sliced(cases, probability, 40).groupings["rack"]
    assert (others.label, others.pooled) == (OTHERS, 40 - len(apart))
    assert len(apart) >= MOST_FAILED
    assert [part.failures for part in apart] == sorted((part.failures for part in apart), reverse=True)
    assert {part.pooled for part in apart} == {0}
    assert [part.pooled for part in sliced(cases, probability, 12).groupings["rack"]] == [0] * 12


def failing_anywhere(seed: int, bad: float = 0.0) -> tuple[EvaluationSet, NDArray[np.float64]]:
    """Draw 60 failures of 200 nodes, a share of them on every tenth node, and a forecast that knows none of it."""
    rng = np.random.default_rng(seed)
    cases, _ = spaced(Size(nodes=200, steps=90, failures=0))
    drawn = np.where(rng.random(60) < bad, 10 * rng.integers(0, 20, 60), rng.integers(0, 200, 60)).astype(np.int32)
    drawn_start = START + (rng.random(60) * 96 * 86_400_000_000).astype("timedelta64[us]")
    kept, label = apart(drawn, drawn_start), np.zeros(len(cases.node))
    nodes, starts = drawn[kept], drawn_start[kept]
    for node, start in zip(nodes, starts, strict=True):
        label[(cases.node == node) & (cases.ts < start) & (cases.ts >= start - cases.horizon_step)] = 1
    failing = replace(cases, failure_node=nodes, failure_start=starts, label=label)
    return failing, np.full(len(label), float(label.mean())) + 1e-6 * rng.random(len(label))


def test_a_rack_that_fails_more_than_forecast_stands_out_and_the_others_do_not() -> None:
    slicing = sliced(*failing_anywhere(5, bad=0.5), 10)
    assert [part.label for grouping, part in slicing.outliers if grouping == "rack"] == ["r00"]
    assert slicing.outliers[0][1].failures > 2 * slicing.outliers[0][1].expected_failures
    assert slicing.unusual >= 1


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_forecast_that_is_right_everywhere_stands_out_nowhere(seed: int) -> None:
    slicing = sliced(*failing_anywhere(seed), 10)
    assert [part for grouping, part in slicing.outliers if grouping == "rack"] == []
    assert slicing.unusual <= 2


def test_slices_by_cause_count_failures_only() -> None:
    cases, probability = spaced(Size(nodes=30, failures=80))
    causes = sliced(cases, probability).causes
    assert {part.label for part in causes} == {"disk", "not given"}
    for part in causes:
        assert set(part.to_json()) == {"slice", "pooled", "failures", "failures_caught", "caught_share"}


def test_the_slices_go_through_json() -> None:
    cases, probability = spaced(Size(nodes=80, failures=150))
    slicing = sliced(cases, probability, 40)
    out = json.loads(json.dumps(slicing.to_json(), allow_nan=False))
    assert list(out["by"]) == ["rack", "age", "history", "cause"]
    assert out["compared"] >= 42
    assert out["unusual_by_chance"] == pytest.approx(0.05 * out["compared"])


@pytest.mark.parametrize("failures", [0, 5])
def test_a_window_with_few_failures_or_none_has_no_intervals(failures: int) -> None:
    cases, probability = spaced(Size(failures=failures))
    slicing = sliced(cases, probability)
    slices: list[Slice] = [slicing.fleet, *(part for parts in slicing.groupings.values() for part in parts)]
    assert len(slices) > 1
    assert {figure.bounds() for part in slices for figure in part.figures.values()} == {(None, None)}
    assert slicing.fleet.failures <= failures
    assert np.isfinite([part.expected_failures for part in slices]).all()


def test_without_rows_there_is_only_the_fleet_and_nothing_in_it() -> None:
    cases, _ = spaced(Size(failures=5))
    nothing = np.zeros(0, dtype=np.int32)
    empty = replace(cases, node=nothing, ts=cases.ts[:0], label=np.zeros(0), can_alarm=np.zeros(0, dtype=bool))
    slicing = sliced(replace(empty, times=cases.times[:0]), np.zeros(0))
    assert (slicing.groupings, slicing.causes, slicing.compared) == ({}, (), 0)
    assert (slicing.fleet.node_days, slicing.fleet.failures, slicing.fleet.share_of_alarms) == (0, 0, None)
    failing = sliced(empty, np.zeros(0))
    assert (failing.fleet.failures, failing.fleet.caught, failing.fleet.share_of_alarms) == (5, 0, None)
    assert sum(part.failures for part in failing.groupings["rack"]) == 5
    assert (failing.unusual, failing.outliers) == (0, ())


def test_a_fleet_of_one_rack_is_not_grouped_by_it() -> None:
    cases, probability = spaced(Size())
    assert "rack" not in sliced(cases, probability, 1).groupings
