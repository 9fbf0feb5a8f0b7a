from __future__ import annotations

from dataclasses import replace

import pytest

from models.evaluation.slices.slices import Slice, Slicing
from models.metrics.estimate import Estimate
from pipelines.output.backtest_notes import at_work, notes, off, subject
from tests.pipelines.report.reports import whole

OFF = Slice("12", 0, 900, 12, 0.25, 14, 3, 5.0, {"observed_over_expected": Estimate(2.8)}, stands_out=True)


def slicing(*racks: Slice) -> Slicing:
    return Slicing(0.01, OFF, {"rack": racks}, (), dispersion=1.5, compared=40, unusual=3)


def test_what_is_off_is_named_furthest_first_and_the_rest_counted() -> None:
    racks = [replace(OFF, label=str(at), failures=14 + at) for at in range(5)]
    told = list(off(slicing(*racks, replace(OFF, stands_out=False))))
    assert told[0] == "rack 4: 18 failed, 5.0 expected"
    assert [line.split(":")[0] for line in told[:3]] == ["rack 4", "rack 3", "rack 2"]
    assert told[3] == "2 more parts of the fleet are off: --report shows them"
    assert list(off(slicing(replace(OFF, stands_out=False)))) == []


@pytest.mark.parametrize(
    ("division", "label", "told"),
    [
        ("rack", "12", "rack 12"),
        ("rack", "Rack-12", "Rack-12"),
        ("hardware", "ST3000", "hardware ST3000"),
        ("age", "under 30 days", "nodes known for under 30 days"),
        ("history", "have failed before", "nodes that have failed before"),
        ("history", "without a failure so far", "nodes without a failure so far"),
        ("work", "idle", "idle nodes"),
        ("work", "at work", "nodes at work"),
        ("work", "not given", "nodes whose work nobody knows"),
    ],
)
def test_a_slice_is_called_so_that_one_knows_what_it_is(division: str, label: str, told: str) -> None:
    assert subject(division, label) == told


def test_what_is_caught_in_time_is_told_where_the_horizon_is_long_enough() -> None:
    found = whole().found
    assert list(notes(found, 1.0)) == [*at_work(found.slicings[1.0]), *off(found.slicings[1.0])]
    first, second, *_ = notes(found, 7.0)
    value = found.evaluations[7.0].figure("caught_share_24h", "model", 0.2).value
    assert first.startswith(f"caught at least 24 h ahead, alarms on 20.0%: {value:.3f} [")
    assert second.startswith("the same, model / history: ")


def test_what_was_caught_on_nodes_that_had_work_stands_apart() -> None:
    busy, idle = (
        replace(OFF, label=label, caught=caught, failures=9) for label, caught in (("at work", 2), ("idle", 7))
    )
    (told,) = at_work(replace(slicing(OFF), groupings={"work": (busy, idle)}))
    assert told == "failures caught on nodes at work: 2 of 9; on idle nodes, where a drain saves little: 7 of 9"
    assert list(at_work(replace(slicing(OFF), groupings={"work": (busy,)}))) == []
    assert list(at_work(replace(slicing(OFF), groupings={"work": (busy, replace(idle, failures=0, caught=0))}))) == []
    assert list(at_work(slicing(OFF))) == []
