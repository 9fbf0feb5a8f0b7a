from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from features.grid import to_datetime
from models.evaluation.context import set_up
from models.evaluation.evaluate import evaluate
from models.evaluation.slices.layout import MOST_FAILED, OTHERS
from models.evaluation.slices.slices import Slice, Slicing, slice_up
from models.evaluation.slices.sums import Seen
from models.metrics.bootstrap import draw_resampler
from tests.features.fleets import Fleet, event, fleet
from tests.models.made_up import START, Size, made_up_cases, made_up_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluation.evaluation_set import EvaluationSet

SHARE = 0.2


def records(cases: EvaluationSet, racks: int) -> Fleet:
    """Give the records that the cases are of, with nodes in so many racks, the oldest seen for a year."""
    nodes = [
        {
            "node": name,
            "rack": f"r{at % racks:02d}",
            "observed_from": to_datetime(START - np.timedelta64(400 - at, "D")),
        }
        for at, name in enumerate(cases.names)
    ]
    order = np.lexsort((cases.failure_start, cases.failure_node))
    failures = [
        event(cases.names[node], to_datetime(start), to_datetime(start), cause="disk" if at % 3 else None)
        for at, (node, start) in enumerate(zip(cases.failure_node[order], cases.failure_start[order], strict=True))
    ]
    return fleet(failures, nodes)


def apart(node: NDArray[np.int32], start: NDArray[np.datetime64]) -> NDArray[np.intp]:
    """Order failures, without those that would belong to one before them."""
    kept: list[int] = []
    for at in np.lexsort((start, node)).tolist():
        if not kept or node[at] != node[kept[-1]] or start[at] - start[kept[-1]] > np.timedelta64(24, "h"):
            kept.append(at)
    return np.array(kept, dtype=np.intp)


def spaced(size: Size, seed: int = 3) -> tuple[EvaluationSet, NDArray[np.float64]]:
    """Give cases and scores that know a little of them."""
    rng = np.random.default_rng(seed)
    cases = made_up_cases(rng, size)
    own = apart(cases.failure_node, cases.failure_start)
    told = replace(cases, failure_node=cases.failure_node[own], failure_start=cases.failure_start[own])
    return told, made_up_scores(rng, told)["model"]


def sliced(cases: EvaluationSet, probability: NDArray[np.float64], racks: int = 3, size: int = 200) -> Slicing:
    end = START + np.timedelta64(400, "D")
    resampler = draw_resampler(cases.names, START, end, np.random.default_rng(7), size)
    return slice_up(Seen.of(set_up(cases, resampler), probability, SHARE), records(cases, racks).view())


def test_the_whole_fleet_is_what_the_evaluation_says() -> None:
    cases, probability = spaced(Size(nodes=30, failures=80))
    resampler = draw_resampler(cases.names, START, START + np.timedelta64(400, "D"), np.random.default_rng(7), 200)
    judged = evaluate(cases, {"model": probability}, (SHARE,), resampler)
    told = sliced(cases, probability).fleet
    for name, share in (("caught_share", SHARE), ("precision", SHARE), ("observed_over_expected", None)):
        expected = judged.figure(name, "model", share)
        assert told.figures[name].value == pytest.approx(expected.value)
        assert told.figures[name].draws == pytest.approx(expected.draws, nan_ok=True)
    assert told.share_of_alarms == 1.0


def test_a_rack_is_what_the_evaluation_of_its_rows_says_under_the_fleets_alarms() -> None:
    cases, probability = spaced(Size(nodes=30, failures=120))
    told = {one.label: one for one in sliced(cases, probability).parts["rack"]}
    alarmed = np.zeros(len(cases.node), dtype=bool)
    for ts in np.unique(cases.ts):
        rows = np.flatnonzero(cases.ts == ts)
        alarmed[rows[np.argsort(-probability[rows])][: int(np.ceil(SHARE * len(rows)))]] = True
    for rack in range(3):
        own = cases.node % 3 == rack
        kept, one = own & cases.is_kept, told[f"r{rack:02d}"]
        inside = (cases.failure_node % 3 == rack) & (cases.failure_start > cases.ts.min())
        inside &= cases.failure_start <= cases.ts.max() + cases.horizon
        caught = [
            bool((alarmed & (cases.node == node) & (cases.ts < start) & (cases.ts >= start - cases.horizon)).any())
            for node, start in zip(cases.failure_node[inside], cases.failure_start[inside], strict=True)
        ]
        assert (one.failures, one.caught, one.node_days) == (len(caught), sum(caught), kept.sum())
        assert one.alarms == (own & alarmed).sum()
        assert one.figures["precision"].value == pytest.approx(cases.label[kept & alarmed].mean())
        level = cases.label[kept].sum() / probability[kept].sum()
        assert one.figures["observed_over_expected"].value == pytest.approx(level)
        assert one.expected_failures == pytest.approx(one.failures / level)
        assert (one.figures["precision"].bounds()[0] is not None) == (one.failures >= 20)


@pytest.mark.parametrize("racks", [3, 12, 40])
def test_the_slices_of_a_division_add_up_to_the_fleet(racks: int) -> None:
    cases, probability = spaced(Size(nodes=80, failures=150))
    told = sliced(cases, probability, racks)
    for slices in told.parts.values():
        for count in ("node_days", "alarms", "failures", "caught"):
            assert sum(getattr(one, count) for one in slices) == getattr(told.fleet, count)
    assert sum(one.failures for one in told.causes) == told.fleet.failures


def test_many_racks_are_pooled_but_those_with_the_most_failures() -> None:
    cases, probability = spaced(Size(nodes=80, failures=150))
    *apart, others = sliced(cases, probability, 40).parts["rack"]
    assert (others.label, others.pooled) == (OTHERS, 40 - len(apart))
    assert len(apart) >= MOST_FAILED
    assert [one.failures for one in apart] == sorted((one.failures for one in apart), reverse=True)
    assert all(one.pooled == 0 for one in apart)
    assert all(not one.pooled for one in sliced(cases, probability, 12).parts["rack"])


def failing_anywhere(seed: int, bad: float = 0.0) -> tuple[EvaluationSet, NDArray[np.float64]]:
    """Give 60 failures of 200 nodes, a share of them on every tenth node, and a forecast that knows none of it."""
    rng = np.random.default_rng(seed)
    cases, _ = spaced(Size(nodes=200, steps=90, failures=0))
    node = np.where(rng.random(60) < bad, 10 * rng.integers(0, 20, 60), rng.integers(0, 200, 60)).astype(np.int32)
    start = START + (rng.random(60) * 96 * 86_400_000_000).astype("timedelta64[us]")
    own, label = apart(node, start), np.zeros(len(cases.node))
    for one, when in zip(node[own], start[own], strict=True):
        label[(cases.node == one) & (cases.ts < when) & (cases.ts >= when - cases.horizon)] = 1
    failing = replace(cases, failure_node=node[own], failure_start=start[own], label=label)
    return failing, np.full(len(label), float(label.mean())) + 1e-6 * rng.random(len(label))


def test_a_rack_that_fails_more_than_forecast_stands_out_and_the_others_do_not() -> None:
    told = sliced(*failing_anywhere(5, bad=0.5), 10)
    assert [one.label for division, one in told.off if division == "rack"] == ["r00"]
    assert told.off[0][1].failures > 2 * told.off[0][1].expected_failures
    assert told.unusual >= 1


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_forecast_that_is_right_everywhere_stands_out_nowhere(seed: int) -> None:
    told = sliced(*failing_anywhere(seed), 10)
    assert [one for division, one in told.off if division == "rack"] == []
    assert told.unusual <= 2


def test_causes_tell_failures_only() -> None:
    cases, probability = spaced(Size(nodes=30, failures=80))
    told = sliced(cases, probability)
    assert {one.label for one in told.causes} == {"disk", "not given"}
    for one in told.causes:
        assert set(one.to_json()) == {"slice", "pooled", "failures", "failures_caught", "caught_share"}


def test_the_slices_go_through_json() -> None:
    cases, probability = spaced(Size(nodes=80, failures=150))
    told = sliced(cases, probability, 40)
    out = json.loads(json.dumps(told.to_json(), allow_nan=False))
    assert list(out["by"]) == ["rack", "age", "history", "cause"]
    assert out["compared"] >= 42
    assert out["unusual_by_chance"] == pytest.approx(0.05 * out["compared"])


@pytest.mark.parametrize("failures", [0, 5])
def test_a_window_with_few_failures_or_none_has_no_intervals(failures: int) -> None:
    cases, probability = spaced(Size(failures=failures))
    told = sliced(cases, probability)
    slices: list[Slice] = [told.fleet, *(one for own in told.parts.values() for one in own)]
    assert all(figure.bounds() == (None, None) for one in slices for figure in one.figures.values())
    assert told.fleet.failures <= failures
    assert all(np.isfinite(one.expected_failures) for one in slices)


def test_without_rows_there_is_only_the_fleet_and_nothing_in_it() -> None:
    cases, _ = spaced(Size(failures=5))
    nothing = np.zeros(0, dtype=np.int32)
    empty = replace(cases, node=nothing, ts=cases.ts[:0], label=np.zeros(0))
    told = sliced(empty, np.zeros(0))
    assert (told.parts, told.causes, told.compared) == ({}, (), 0)
    assert (told.fleet.node_days, told.fleet.failures, told.fleet.share_of_alarms) == (0, 0, None)


def test_a_fleet_of_one_rack_is_not_parted_by_it() -> None:
    cases, probability = spaced(Size())
    assert "rack" not in sliced(cases, probability, 1).parts
