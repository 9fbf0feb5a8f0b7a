"""Labels: compared with the protocol's reference on real and drawn fleets, and outcomes by hand."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.outages import merge_failures, repeat_within
from data.time_grid import EPOCH, HOUR, MICROSECOND
from data.view import HINDSIGHT
from features.grid import to_datetime, to_numpy, to_step
from features.population.at_risk import Coverage, Rows, assess
from features.population.probation import on_probation
from features.training.labels import Outcomes, label
from features.training.person_periods import Periods
from tests.features.fleets import DAY, START, Fleet, event, fleet, real
from tests.features.protocol import daily, pairs, reference_at, stepwise
from tests.features.strategies import DAYS, UNITS_A_STEP, WIDTHS, at, fleets, scale_of
from tests.models.reference import SHARED, judge, moments, ticks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Times

DROPPED = ("probation", "blind", "left", "maintenance")
MINUTE = HOUR / 60
NODE = {"node": "a", "observed_from": START - 30 * DAY}


def assert_same_labels(
    records: Fleet, folder: Path, cutoffs: Times, coverage: str | None, spans: Sequence[tuple[timedelta, timedelta]]
) -> None:
    """Compare rows, labels, counts of dropped rows, and rows that can be alarmed, for each horizon and repeat."""
    view = records.view()
    rows = assess(view, cutoffs, None if coverage is None else Coverage(coverage)).rows()
    outcomes = Outcomes.of(view, rows.names)
    names, times = pairs(rows)
    for horizon, repeat in spans:
        reference = reference_at(folder, cutoffs, coverage, horizon, repeat)
        labels = label(rows, outcomes, horizon, repeat)
        assert names == reference.table.node.to_list()
        assert np.array_equal(times, moments(reference.table.ts))
        assert np.array_equal(labels.label, reference.table.y, equal_nan=True)
        assert labels.dropped == {reason: reference.counts[f"dropped_{reason}"] for reason in DROPPED} | {"not_over": 0}
        assert np.array_equal(~on_probation(view, rows, repeat), reference.table.free)
        assert_same_failures(records, reference.outages, repeat)


def assert_same_failures(records: Fleet, outages: pd.DataFrame, repeat: timedelta) -> None:
    """Compare node, start and end of each outage; the reference's end is never before the start."""
    failures = merge_failures(records.events, repeat).with_columns(pl.col("end").fill_null(HINDSIGHT))
    expected = [
        (name, EPOCH + start * MICROSECOND, HINDSIGHT if over == judge.FAR else EPOCH + over * MICROSECOND)
        for name, start, over in zip(outages.node, outages.start.tolist(), outages.over.tolist(), strict=True)
    ]
    assert failures.rows() == sorted(expected)


def default_repeats(*horizons: timedelta) -> list[tuple[timedelta, timedelta]]:
    """Pair horizons with the repeat that the protocol sets."""
    return [(horizon, repeat_within(horizon)) for horizon in horizons]


def test_the_labels_and_failures_of_m100_are_the_references() -> None:
    m100, folder = real("m100"), SHARED / "datasets" / "m100"
    cutoffs = daily(datetime(2021, 7, 1, tzinfo=UTC), 184)
    spans = default_repeats(DAY, 3 * DAY, 7 * DAY, 14 * DAY)
    assert_same_labels(m100, folder, cutoffs, "boot_n", [*spans, (7 * DAY, 3 * DAY)])


def test_the_labels_and_failures_of_lanl_are_the_references() -> None:
    lanl, folder = real("lanl"), SHARED / "datasets" / "lanl"
    month = daily(datetime(2003, 1, 1, tzinfo=UTC), 31)
    assert_same_labels(lanl, folder, month, None, default_repeats(DAY, 7 * DAY))
    hours = stepwise(datetime(2003, 3, 1, tzinfo=UTC), 48, HOUR)
    assert_same_labels(lanl, folder, hours, None, default_repeats(HOUR, 6 * HOUR, DAY))


def test_the_labels_and_failures_of_asd_every_ten_minutes_are_the_references() -> None:
    asd, folder = real("asd"), SHARED / "datasets" / "asd"
    cutoffs = stepwise(datetime(2024, 1, 31, tzinfo=UTC), 1_000, 10 * MINUTE)
    assert_same_labels(asd, folder, cutoffs, None, default_repeats(10 * MINUTE, HOUR, 6 * HOUR))


@pytest.mark.parametrize("width", WIDTHS)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_the_labels_and_failures_of_any_folder_are_the_references(width: timedelta, data: st.DataObject) -> None:
    records = data.draw(fleets(scale_of(width)))
    horizons = [steps * width for steps in data.draw(st.lists(st.sampled_from([1, 2, 5]), min_size=1, unique=True))]
    repeat = data.draw(st.sampled_from([None, width / UNITS_A_STEP, width, 3 * width, DAY]))
    spans = [(horizon, repeat_within(horizon) if repeat is None else repeat) for horizon in horizons]
    with tempfile.TemporaryDirectory() as folder:
        records.write(Path(folder))
        assert_same_labels(records, Path(folder), stepwise(START, DAYS, width), None, spans)


def test_failures_that_end_before_they_start_merge_as_in_the_reference(tmp_path: Path) -> None:
    spans = [(0, -50), (30, -60), (53, 20), (77, 78)]
    records = fleet([event("a", at(start), at(end)) for start, end in spans], [NODE])
    records.write(tmp_path)
    for repeat in (HOUR, 6 * HOUR, DAY):
        outages = judge.outages(judge.load(tmp_path, "events"), ticks(repeat))
        assert_same_failures(records, outages, repeat)
    assert merge_failures(records.events)["start"].to_list() == [at(0), at(30), at(77)]


SPANS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 60), st.none() | st.integers(-20, 20)), max_size=20)


@settings(max_examples=50, deadline=None)
@given(SPANS, st.integers(0, 30))
def test_failures_of_any_spans_merge_as_in_the_reference(
    spans: list[tuple[str, int, int | None]], repeat_hours: int
) -> None:
    lasting = [event(name, at(start), None if length is None else at(start + length)) for name, start, length in spans]
    records, repeat = fleet([event("c", at(0), at(1)), *lasting]), repeat_hours * HOUR
    with tempfile.TemporaryDirectory() as folder:
        records.write(Path(folder))
        outages = judge.outages(judge.load(folder, "events"), ticks(repeat))
    assert_same_failures(records, outages, repeat)


@pytest.mark.parametrize("repeat", [HOUR, 3 * HOUR, DAY])
def test_a_failure_that_soon_follows_another_is_merged_with_it(repeat: timedelta) -> None:
    for gap, count in ((0 * HOUR, 1), (repeat, 1), (repeat + MICROSECOND, 2)):
        pair = [event("a", at(0), at(5)), event("a", at(5) + gap, at(90))]
        outages = merge_failures(fleet(pair).events, repeat)
        assert outages.height == count
        assert outages["end"].to_list() == [at(5), at(90)][-count:]


def test_failures_are_merged_by_the_latest_end_of_those_before() -> None:
    events = [event("a", at(0), at(50)), event("a", at(10), at(11)), event("a", at(51), at(52)), event("a", at(70))]
    assert merge_failures(fleet(events).events, HOUR).rows() == [("a", at(0), at(52)), ("a", at(70), None)]
    assert merge_failures(fleet(events).events, DAY).rows() == [("a", at(0), None)]


def test_by_default_failures_within_a_day_are_one() -> None:
    pair = [event("a", at(0), at(5)), event("a", at(29), at(90))]
    assert merge_failures(fleet(pair).events).rows() == [("a", at(0), at(90))]


@pytest.mark.parametrize(("horizon", "repeat"), [(HOUR, HOUR), (DAY, DAY), (7 * DAY, DAY), (5 * MINUTE, 5 * MINUTE)])
def test_failures_are_one_within_the_horizon_but_at_most_within_a_day(horizon: timedelta, repeat: timedelta) -> None:
    assert repeat_within(horizon) == repeat


def test_every_failure_during_an_open_one_is_merged_with_it() -> None:
    events = [event("a", at(0)), event("a", at(5000), at(5001)), event("b", at(5000))]
    assert merge_failures(fleet(events).events).rows() == [("a", at(0), None), ("b", at(5000), None)]


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
    periods = Periods.of(rows, Outcomes.of(view, rows.names), (DAY, 3 * DAY))
    outcomes = [None if np.isnan(outcome) else outcome for outcome in periods.outcome.ravel().tolist()]
    return outcomes, periods.exposure.ravel().tolist()


def failing(start_hours: float, **more: object) -> Mapping[str, object]:
    return event("a", at(start_hours), at(start_hours + 1), **more)


def test_a_node_without_failures_survives_every_interval() -> None:
    assert observed(fleet(nodes=[NODE])) == ([0, 0], [1, 1])


@pytest.mark.parametrize(
    ("hours", "outcome", "exposure"),
    [(24, [1, None], [1, 0]), (25, [0, 1], [1, 1]), (72, [0, 1], [1, 1]), (73, [0, 0], [1, 1])],
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
    labels = label(rows, Outcomes.of(view, rows.names), DAY, DAY)
    assert np.array_equal(labels.label, [expected], equal_nan=True)


def test_overlapping_blind_periods_count_once() -> None:
    hours = 24 * np.array([0.25, 0.25, 0.15])
    records = fleet(nodes=[NODE], blind=[blind(0, hours[0]), blind(2, hours[1]), blind(1, hours[2])])
    rows = rows_of(records.view(), 1)
    assert label(rows, Outcomes.of(records.view(), rows.names), DAY, DAY).label.tolist() == [0]


def test_a_blind_interval_is_dropped_even_if_a_failure_in_it_is_known() -> None:
    view = fleet([failing(20)], [NODE], [blind(0, 10)]).view()
    rows = rows_of(view, 1)
    labels = label(rows, Outcomes.of(view, rows.names), DAY, DAY)
    assert np.isnan(labels.label).all()
    assert labels.dropped["blind"] == 1


@pytest.mark.parametrize("repeat", [HOUR, 5 * HOUR])
def test_a_row_from_a_failures_start_to_the_repeat_after_its_end_is_on_probation(repeat: timedelta) -> None:
    records = fleet([event("a", at(1), at(3)), event("a", at(12), at(13))], [NODE])
    cutoffs = np.sort(np.concatenate([stepwise(START, 24, HOUR), [to_numpy(at(3) + repeat + MICROSECOND)]]))
    rows = Rows(("a",), cutoffs, np.zeros(len(cutoffs), np.int64), np.arange(len(cutoffs)))
    outcomes, ends = Outcomes.of(records.view(), rows.names), (at(3) + repeat, at(13) + repeat)
    expected = [at(1) <= ts <= ends[0] or at(12) <= ts <= ends[1] for ts in map(to_datetime, rows.ts)]
    assert outcomes.is_on_probation(rows, repeat).tolist() == expected
    labels = label(rows, outcomes, 8 * HOUR, repeat)
    assert np.isnan(labels.label).tolist() == expected
    assert labels.dropped["probation"] == sum(expected)
    again = [at(4) <= ts < at(12) for ts in map(to_datetime, rows.ts)]
    assert np.array_equal(labels.label == 1, np.array(again) & ~np.array(expected) | (rows.ts < to_numpy(at(1))))


def test_a_row_that_is_dropped_for_two_reasons_is_counted_for_the_first() -> None:
    node = NODE | {"observed_until": at(40)}
    down = [event("a", at(-5), at(-1)), event("a", at(30), at(31), kind="maintenance")]
    view = fleet(down, [node], [blind(0, 20)]).view()
    rows = rows_of(view, 2)
    dropped = label(rows, Outcomes.of(view, rows.names), DAY, DAY).dropped
    assert dropped == {"probation": 1, "blind": 0, "left": 1, "maintenance": 0, "not_over": 0}
    dropped = label(rows, Outcomes.of(view, rows.names), DAY, HOUR / 2).dropped
    assert dropped == {"probation": 0, "blind": 1, "left": 1, "maintenance": 0, "not_over": 0}


def test_a_failure_that_is_not_over_at_the_split_keeps_all_later_rows_on_probation() -> None:
    records = fleet([event("a", at(30), at(31), end_recorded_at=at(72))], [NODE])
    for split, expected in ((at(71), [False, False, True, True]), (at(72), [False, False, True, False])):
        view = records.view(split)
        rows = rows_of(view, 4)
        assert Outcomes.of(view, rows.names).is_on_probation(rows, DAY).tolist() == expected


def test_a_label_that_reaches_past_what_is_known_is_dropped_even_if_a_failure_in_it_is_known() -> None:
    view = fleet([failing(30)], [NODE]).view(at(48))
    rows = rows_of(view, 3)

    def labels(outcomes: Outcomes, horizon: timedelta) -> NDArray[np.float64]:
        return label(rows, outcomes, horizon, HOUR).label

    assert np.array_equal(labels(Outcomes.of(view, rows.names), DAY), [0, 1, np.nan], equal_nan=True)
    sooner = Outcomes.of(view, rows.names, known_until=at(47))
    assert np.array_equal(labels(sooner, DAY), [0, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(labels(sooner, 2 * DAY), [np.nan, np.nan, np.nan], equal_nan=True)
    assert label(rows, sooner, 2 * DAY, HOUR).dropped["not_over"] == 3


def test_nodes_that_are_not_among_the_rows_do_not_affect_them() -> None:
    new = [{"node": name, "observed_from": at(24), "observed_until": at(30)} for name in ("0", "b")]
    outcomes = Outcomes.of(fleet(nodes=[NODE, *new]).view(), ("a",))
    assert np.isnat(outcomes.observed_until).tolist() == [True]


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of a row's horizons, and how soon after another one's end a failure belongs to it."""

    begin: timedelta
    end: timedelta
    repeat: timedelta


def slow_outcome(records: Fleet, split: datetime, cutoff: datetime, interval: Interval) -> tuple[float, float | None]:
    """Compute outcome and exposure (None: it does not matter) of one interval of node n1 by loops."""
    begin, end = cutoff + interval.begin, cutoff + interval.end
    known_records = records.known_at(split)
    outages = [outage for outage in merge_failures(known_records.events, interval.repeat).rows() if outage[0] == "n1"]
    if any(start <= cutoff and (over is None or cutoff <= over + interval.repeat) for _, start, over in outages):
        return np.nan, None
    failure = min((start for _, start, _ in outages if start > cutoff), default=HINDSIGHT)
    stops = [
        row["start"]
        for row in known_records.events.rows(named=True)
        if row["node"] == "n1" and row["kind"] != "failure" and row["start"] > cutoff
        if row["end"] is None or row["end"] > row["start"]
    ]
    departures = known_records.nodes.filter(node="n1")["observed_until"].drop_nulls().to_list()
    observed_until = min([*stops, *departures, split, end])
    if failure <= begin or observed_until <= begin:
        return np.nan, 0.0
    gaps = sorted((row["start"], row["end"]) for row in known_records.blind.rows(named=True))
    if failure <= observed_until:
        return (np.nan if any(start < failure <= stop for start, stop in gaps) else 1.0), 1.0
    blind_time, reached = 0 * DAY, begin
    for start, stop in gaps:
        blind_time += max(min(stop, observed_until) - max(start, reached), 0 * DAY)
        reached = max(reached, stop)
    share = max((observed_until - begin) / (end - begin) * (1 - blind_time / (observed_until - begin)), 0.0)
    return (0.0 if share > 0 else np.nan), share


@pytest.mark.parametrize("width", WIDTHS)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_outcomes_equal_those_of_a_loop_over_what_was_known_at_the_split(width: timedelta, data: st.DataObject) -> None:
    scale = scale_of(width)
    records, split = data.draw(fleets(scale)), scale.at(data.draw(st.integers(0, UNITS_A_STEP * DAYS)))
    repeats = data.draw(st.sampled_from([(width, min(3 * width, DAY)), (scale.unit, 2 * width)]))
    view = records.view(split)
    names = tuple(view.nodes()["node"].to_list())
    assume("n1" in names)
    rows = Rows(names, stepwise(START, DAYS, width), np.full(DAYS, names.index("n1")), np.arange(DAYS))
    periods = Periods.of(rows, Outcomes.of(view, names), (width, 3 * width), repeats)
    intervals = Interval(timedelta(0), width, repeats[0]), Interval(width, 3 * width, repeats[1])
    assert periods.outcome.shape == periods.exposure.shape == (DAYS, len(intervals))
    for row, ts in enumerate(rows.ts):
        for column, interval in enumerate(intervals):
            outcome, exposure = slow_outcome(records, split, to_datetime(ts), interval)
            assert periods.outcome[row, column] == pytest.approx(outcome, nan_ok=True)
            if exposure is not None:
                assert periods.exposure[row, column] == pytest.approx(exposure, abs=1e-12)


def test_a_row_is_on_probation_in_the_intervals_whose_repeat_it_is_within() -> None:
    records = fleet([event("a", at(-5), at(-3)), event("a", at(30), at(31))], [NODE])
    rows = rows_of(records.view(), 1)
    outcomes = Outcomes.of(records.view(), rows.names)
    repeats = Periods.of(rows, outcomes, (HOUR, 2 * HOUR, 6 * HOUR, 2 * DAY))
    assert repeats.repeats == (HOUR, 2 * HOUR, 6 * HOUR, DAY)
    assert repeats.outcome.tolist()[0][:2] == [0, 0]
    assert np.isnan(repeats.outcome[0, 2:]).all()
    given = Periods.of(rows, outcomes, (HOUR, 2 * DAY), (4 * HOUR, HOUR))
    assert np.array_equal(given.outcome, [[np.nan, 1]], equal_nan=True)
    again = given.observe_again(rows, outcomes)
    assert (again.horizons, again.repeats) == (given.horizons, given.repeats)
    assert bits(again.outcome, again.exposure) == bits(given.outcome, given.exposure)


def bits(*arrays: NDArray[np.float64]) -> bytes:
    return b"".join(array.tobytes() for array in arrays)


@pytest.mark.parametrize("width", WIDTHS)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_label_never_crosses_the_split(width: timedelta, data: st.DataObject) -> None:
    records, split_step = data.draw(fleets(scale_of(width))), data.draw(st.integers(0, DAYS))
    split = START + split_step * width
    view, known = records.view(split), records.known_at(split).view(split)
    names = tuple(view.nodes()["node"].to_list())
    node, cutoff = np.divmod(np.arange(len(names) * DAYS), DAYS)
    rows = Rows(names, stepwise(START, DAYS, width), node, cutoff)
    periods, known_periods = (Periods.of(rows, Outcomes.of(each, names), (width, 3 * width)) for each in (view, known))
    assert bits(periods.outcome, periods.exposure) == bits(known_periods.outcome, known_periods.exposure)
    crosses = (np.arange(DAYS)[:, None] + [1, 3] > split_step)[None].repeat(len(names), axis=0).reshape(-1, 2)
    assert np.all((periods.exposure < 1)[crosses & ~np.isnan(periods.outcome) & (periods.outcome != 1)])
    for horizon in (width, 3 * width):
        labels, known_labels = (label(rows, Outcomes.of(each, names), horizon, width) for each in (view, known))
        assert bits(labels.label) == bits(known_labels.label)
        assert np.isnan(labels.label[rows.ts + to_step(horizon) > to_numpy(split)]).all()
