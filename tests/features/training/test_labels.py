"""Labels: compared with the protocol's reference on real and drawn fleets, and outcomes by hand."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.outages import merge_failures
from data.view import HINDSIGHT
from features.grid import days, to_datetime
from features.population.at_risk import AtRisk, Coverage, Rows, assess
from features.training.labels import Outcomes, label
from features.training.person_periods import Periods
from tests.features.fleets import DAY, START, Fleet, event, fleet, real
from tests.features.protocol import daily, failures_of, labels_of, rows_at_risk
from tests.features.strategies import DAYS, at, fleets
from tests.models.reference import SHARED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from data.view import View

NODE = {"node": "a", "observed_from": START - 30 * DAY}


def assert_same_labels(
    records: Fleet, folder: Path, risk: AtRisk, coverage: str | None, horizons: Sequence[int]
) -> None:
    rows, reference = risk.rows(), rows_at_risk(folder, risk.cutoffs, coverage)
    outcomes = Outcomes.of(records.view(), rows.names)
    for horizon in horizons:
        labels = label(rows, outcomes, days(horizon))
        assert np.array_equal(labels, labels_of(folder, reference, horizon), equal_nan=True)


def assert_same_failures(records: Fleet, folder: Path) -> None:
    failures = merge_failures(records.events)
    assert failures.rows() == [(name, to_datetime(start)) for name, start in failures_of(folder)]


def test_the_labels_and_failures_of_m100_are_the_references() -> None:
    m100, folder = real("m100"), SHARED / "datasets" / "m100"
    risk = assess(m100.view(), daily(datetime(2021, 7, 1, tzinfo=UTC), 184), Coverage("boot_n"))
    assert_same_labels(m100, folder, risk, "boot_n", (1, 3, 7, 14))
    assert_same_failures(m100, folder)


def test_the_labels_and_failures_of_lanl_are_the_references() -> None:
    lanl, folder = real("lanl"), SHARED / "datasets" / "lanl"
    risk = assess(lanl.view(), daily(datetime(2003, 1, 1, tzinfo=UTC), 31), None)
    assert_same_labels(lanl, folder, risk, None, (1, 7))
    assert_same_failures(lanl, folder)


@settings(max_examples=25, deadline=None)
@given(fleets(), st.sampled_from([1, 2, 5]))
def test_the_labels_and_failures_of_any_folder_are_the_references(records: Fleet, horizon: int) -> None:
    risk = assess(records.view(), daily(START, DAYS), None)
    with tempfile.TemporaryDirectory() as folder:
        records.write(Path(folder))
        assert_same_labels(records, Path(folder), risk, None, (horizon,))
        assert_same_failures(records, Path(folder))


def test_failures_that_end_before_they_start_merge_as_in_the_reference(tmp_path: Path) -> None:
    spans = [(0, -50), (30, -60), (53, 20), (77, 78)]
    records = fleet([event("a", at(start), at(end)) for start, end in spans], [NODE])
    records.write(tmp_path)
    assert_same_failures(records, tmp_path)
    assert merge_failures(records.events)["start"].to_list() == [at(0), at(30), at(77)]


@pytest.mark.parametrize(("gap_hours", "count"), [(0, 1), (24, 1), (25, 2)])
def test_a_failure_within_a_day_after_another_is_merged_with_it(gap_hours: int, count: int) -> None:
    pair = [event("a", at(0), at(5)), event("a", at(5 + gap_hours), at(90))]
    assert merge_failures(fleet(pair).events).height == count


def test_every_failure_during_an_open_one_is_merged_with_it() -> None:
    events = [event("a", at(0)), event("a", at(5000), at(5001)), event("b", at(5000))]
    assert merge_failures(fleet(events).events).rows() == [("a", at(0)), ("b", at(5000))]


def test_no_failures_merge_to_none() -> None:
    assert merge_failures(fleet().events).rows() == []


def rows_of(view: View, cutoffs: int) -> Rows:
    """Return rows of node a at the first cutoffs, one a day from START, at risk or not."""
    names = tuple(view.nodes()["node"].to_list())
    node = np.full(cutoffs, names.index("a"))
    return Rows(names, daily(START, cutoffs), node, np.arange(cutoffs))


def observed(
    records: Fleet, known_at: datetime = HINDSIGHT, cutoffs: int = 1
) -> tuple[list[float | None], list[float]]:
    """Return outcome (None: unknown) and exposure of the intervals (0, 1] and (1, 3] days after each cutoff."""
    view = records.view(known_at)
    rows = rows_of(view, cutoffs)
    periods = Periods.of(rows, Outcomes.of(view, rows.names), (1, 3))
    outcomes = [None if np.isnan(outcome) else outcome for outcome in periods.outcome.ravel().tolist()]
    return outcomes, periods.exposure.ravel().tolist()


def failing(start_hours: float, **more: object) -> Mapping[str, object]:
    return event("a", at(start_hours), at(start_hours + 1), **more)


def test_a_node_without_failures_survives_every_interval() -> None:
    assert observed(fleet(nodes=[NODE])) == ([0, 0], [1, 1])


@pytest.mark.parametrize(
    ("hours", "outcome", "exposure"),
    [(24, [1, None], [1, 0]), (25, [0, 1], [1, 1]), (72, [0, 1], [1, 1]), (73, [0, 0], [1, 1]), (0, [0, 0], [1, 1])],
)
def test_a_failure_counts_in_the_interval_that_holds_its_start(
    hours: float, outcome: list[float], exposure: list[float]
) -> None:
    assert observed(fleet([failing(hours)], [NODE])) == (outcome, exposure)


def test_nothing_is_observed_after_the_split() -> None:
    assert observed(fleet(nodes=[NODE]), known_at=at(48)) == ([0, 0], [1, 0.5])
    assert observed(fleet(nodes=[NODE]), known_at=at(6)) == ([0, None], [0.25, 0])


def test_a_failure_before_the_split_counts_even_if_its_interval_ends_after_it() -> None:
    assert observed(fleet([failing(30)], [NODE]), known_at=at(48)) == ([0, 1], [1, 1])


def test_a_failure_that_is_recorded_after_the_split_never_counts() -> None:
    unknown = fleet([failing(30, recorded_at=at(49))], [NODE])
    assert observed(unknown, known_at=at(48)) == ([0, 0], [1, 0.5])
    assert observed(unknown, known_at=at(49))[0] == [0, 1]


@pytest.mark.parametrize("kind", ["maintenance", "action"])
def test_a_node_that_is_taken_out_is_censored_there(kind: str) -> None:
    taken_out = event("a", at(36), at(40), kind=kind)
    assert observed(fleet([taken_out], [NODE])) == ([0, 0], [1, 0.25])
    assert observed(fleet([taken_out, failing(60)], [NODE])) == ([0, 0], [1, 0.25])
    assert observed(fleet([taken_out, failing(30)], [NODE])) == ([0, 1], [1, 1])


def test_maintenance_without_duration_changes_nothing() -> None:
    assert observed(fleet([event("a", at(36), at(36), kind="maintenance")], [NODE])) == ([0, 0], [1, 1])


def test_a_node_that_leaves_is_censored_there() -> None:
    assert observed(fleet(nodes=[NODE | {"observed_until": at(12)}])) == ([0, None], [0.5, 0])


def blind(start_hours: float, end_hours: float) -> dict[str, object]:
    return {"start": at(start_hours), "end": at(end_hours), "recorded_at": at(end_hours)}


def test_a_blind_period_is_no_exposure() -> None:
    assert observed(fleet(nodes=[NODE], blind=[blind(12, 36)])) == ([0, 0], [0.5, 0.75])
    assert observed(fleet(nodes=[NODE], blind=[blind(-5, 30), blind(20, 90)])) == ([None, None], [0, 0])


def test_a_failure_inside_a_blind_period_has_no_outcome() -> None:
    outcome, _ = observed(fleet([failing(14)], [NODE], [blind(12, 36)]))
    assert outcome == [None, None]


@pytest.mark.parametrize(("hours", "expected"), [(9, 0.0), (9.6, 0.0), (9.7, np.nan)])
def test_a_label_is_dropped_when_over_two_fifths_of_its_interval_are_blind(hours: float, expected: float) -> None:
    view = fleet(nodes=[NODE], blind=[blind(0, hours)]).view()
    rows = rows_of(view, 1)
    labels = label(rows, Outcomes.of(view, rows.names), days(1))
    assert np.array_equal(labels, [expected], equal_nan=True)


def test_a_label_that_reaches_past_what_is_known_is_dropped_even_if_a_failure_in_it_is_known() -> None:
    view = fleet([failing(30)], [NODE]).view(at(48))
    rows = rows_of(view, 3)
    assert np.array_equal(label(rows, Outcomes.of(view, rows.names), days(1)), [0, 1, np.nan], equal_nan=True)
    sooner = Outcomes.of(view, rows.names, known_until=at(47))
    assert np.array_equal(label(rows, sooner, days(1)), [0, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(label(rows, sooner, days(2)), [np.nan, np.nan, np.nan], equal_nan=True)


def test_nodes_that_are_not_among_the_rows_do_not_affect_them() -> None:
    new = [{"node": name, "observed_from": at(24), "observed_until": at(30)} for name in ("0", "b")]
    outcomes = Outcomes.of(fleet(nodes=[NODE, *new]).view(), ("a",))
    assert np.isnat(outcomes.observed_until).tolist() == [True]


def slow_outcome(records: Fleet, split: datetime, cutoff: datetime, span: tuple[int, int]) -> tuple[float, float]:
    """Compute outcome and exposure of one interval of node n1 by loops."""
    begin, end = cutoff + span[0] * DAY, cutoff + span[1] * DAY
    known_records = records.known_at(split)
    failures = [start for name, start in merge_failures(known_records.events).rows() if name == "n1" and start > cutoff]
    failure = min(failures, default=HINDSIGHT)
    stops = [
        row["start"]
        for row in known_records.events.rows(named=True)
        if row["node"] == "n1" and row["kind"] != "failure" and row["start"] > cutoff and row["end"] != row["start"]
    ]
    departures = known_records.nodes.filter(node="n1")["observed_until"].drop_nulls().to_list()
    observed_until = min([*stops, *departures, split, end])
    if failure <= begin or observed_until <= begin:
        return np.nan, 0.0
    gaps = [(row["start"], row["end"]) for row in known_records.blind.rows(named=True)]
    if failure <= observed_until:
        return (np.nan if any(start < failure <= stop for start, stop in gaps) else 1.0), 1.0
    blind_time = sum((max(min(stop, observed_until) - max(start, begin), 0 * DAY) for start, stop in gaps), 0 * DAY)
    share = max((observed_until - begin) / (end - begin) * (1 - blind_time / (observed_until - begin)), 0.0)
    return (0.0 if share > 0 else np.nan), share


@settings(max_examples=60, deadline=None)
@given(fleets(), st.integers(0, 24 * DAYS))
def test_outcomes_equal_those_of_a_loop_over_what_was_known_at_the_split(records: Fleet, split_hours: int) -> None:
    split = at(split_hours)
    view = records.view(split)
    names = tuple(view.nodes()["node"].to_list())
    assume("n1" in names)
    rows = Rows(names, daily(START, DAYS), np.full(DAYS, names.index("n1")), np.arange(DAYS))
    periods = Periods.of(rows, Outcomes.of(view, names), (1, 3))
    expected = [[slow_outcome(records, split, to_datetime(ts), span) for span in ((0, 1), (1, 3))] for ts in rows.ts]
    outcome, exposure = np.moveaxis(np.array(expected), 2, 0)
    assert np.array_equal(periods.outcome, outcome, equal_nan=True)
    assert np.allclose(periods.exposure, exposure, rtol=0, atol=1e-12)


def periods_of(view: View, names: tuple[str, ...], horizons: Sequence[float]) -> Periods:
    cutoffs = daily(START, DAYS)
    node, cutoff = np.divmod(np.arange(len(names) * DAYS), DAYS)
    return Periods.of(Rows(names, cutoffs, node, cutoff), Outcomes.of(view, names), horizons)


def bits(*arrays: NDArray[np.float64]) -> bytes:
    return b"".join(array.tobytes() for array in arrays)


@settings(max_examples=60, deadline=None)
@given(fleets(), st.integers(0, DAYS))
def test_a_label_never_crosses_the_split(records: Fleet, split_day: int) -> None:
    split = START + split_day * DAY
    view = records.view(split)
    names = tuple(view.nodes()["node"].to_list())
    periods = periods_of(view, names, (1, 3))
    known_periods = periods_of(records.known_at(split).view(split), names, (1, 3))
    assert bits(periods.outcome, periods.exposure) == bits(known_periods.outcome, known_periods.exposure)
    crosses = (np.arange(DAYS)[:, None] + [1, 3] > split_day)[None].repeat(len(names), axis=0).reshape(-1, 2)
    assert np.all(periods.exposure[crosses & (periods.outcome != 1)] < 1)
