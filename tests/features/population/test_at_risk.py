"""Which nodes are at risk: compared with the protocol's reference on real and drawn fleets, and cases by hand."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataError, FutureError
from data.schema import TELEMETRY_KEYS, Metric, MetricKind
from data.view import HINDSIGHT
from features.population.at_risk import Coverage, assess
from tests.features.fleets import DAY, START, Fleet, event, fleet, real
from tests.features.protocol import daily, pairs, reference_at, stepwise
from tests.features.strategies import COVERAGE, DAYS, WIDTHS, fleets, scale_of
from tests.models.reference import SHARED, moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.population.at_risk import AtRisk

NODE = {"node": "a", "observed_from": START - 30 * DAY}


def assert_same_rows(risk: AtRisk, folder: Path, coverage: str | None) -> None:
    names, times = pairs(risk.rows())
    expected = reference_at(folder, risk.cutoffs, coverage)
    assert names == expected.table.node.to_list()
    assert np.array_equal(times, moments(expected.table.ts))
    not_at_risk = int((risk.present & ~risk.at_risk).sum())
    assert (len(names), not_at_risk) == (expected.counts["at_risk"], expected.counts["unknown"])


def test_the_rows_of_m100_are_the_references() -> None:
    cutoffs = daily(datetime(2021, 7, 1, tzinfo=UTC), 184)
    risk = assess(real("m100").view(), cutoffs, Coverage("boot_n"))
    assert risk.at_risk.sum() > 160_000
    assert_same_rows(risk, SHARED / "datasets" / "m100", "boot_n")


def test_the_rows_of_lanl_are_the_references() -> None:
    risk = assess(real("lanl").view(), daily(datetime(2003, 1, 1, tzinfo=UTC), 31), None)
    assert risk.at_risk.sum() > 100_000
    assert_same_rows(risk, SHARED / "datasets" / "lanl", None)


@pytest.mark.parametrize("width", WIDTHS)
@settings(max_examples=10, deadline=None)
@given(st.data())
def test_the_rows_of_any_folder_are_the_references(width: timedelta, data: st.DataObject) -> None:
    records = data.draw(fleets(scale_of(width)))
    for coverage in (None, COVERAGE):
        risk = assess(records.view(), stepwise(START, DAYS, width), None if coverage is None else Coverage(coverage))
        with tempfile.TemporaryDirectory() as folder:
            records.write(Path(folder))
            assert_same_rows(risk, Path(folder), coverage)


def at_risk_days(records: Fleet, days: int = 10, coverage: Coverage | None = None) -> list[int]:
    """List the days after START on which node a is at risk."""
    risk = assess(records.view(), daily(START, days), coverage)
    return np.flatnonzero(risk.at_risk[risk.names.index("a")]).tolist()


def test_a_node_is_at_risk_while_it_is_present() -> None:
    node = {"node": "a", "observed_from": START + 2 * DAY, "observed_until": START + 5 * DAY}
    assert at_risk_days(fleet(nodes=[node])) == [2, 3, 4]


@pytest.mark.parametrize("kind", ["failure", "maintenance", "action"])
def test_a_node_under_repair_is_not_at_risk_from_when_its_event_is_recorded(kind: str) -> None:
    down = event("a", START + 1.5 * DAY, START + 6.5 * DAY, kind=kind, recorded_at=START + 3 * DAY)
    assert at_risk_days(fleet([down], [NODE])) == [0, 1, 2, 7, 8, 9]


def test_a_repair_ends_when_its_end_is_recorded() -> None:
    down = event("a", START, START + 2 * DAY, end_recorded_at=START + 4 * DAY)
    assert at_risk_days(fleet([down], [NODE])) == [4, 5, 6, 7, 8, 9]


def test_a_repair_without_an_end_continues() -> None:
    assert at_risk_days(fleet([event("a", START + 2 * DAY)], [NODE])) == [0, 1]


def test_an_event_without_duration_leaves_its_node_at_risk() -> None:
    assert at_risk_days(fleet([event("a", START + DAY, START + DAY)], [NODE])) == list(range(10))


def test_an_event_of_an_unknown_kind_is_ignored() -> None:
    assert at_risk_days(fleet([event("a", START, kind="note")], [NODE])) == list(range(10))


def samples(rows: Sequence[tuple[str, datetime, datetime, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={**TELEMETRY_KEYS, "n": pl.Float64()}, orient="row")


def covered(rows: Sequence[tuple[str, datetime, datetime, float | None]]) -> list[int]:
    """List the days on which node a is at risk, given its coverage, where three others always report 100."""
    days = [START + day * DAY for day in range(5)]
    full = [(name, ts, ts, 100.0) for name in "bcd" for ts in days]
    nodes = [NODE | {"node": name} for name in "abcd"]
    records = fleet(nodes=nodes, telemetry=samples([*full, *rows]), metrics=(Metric("n", MetricKind.COUNT),))
    return at_risk_days(records, 5, Coverage("n"))


def test_a_node_reports_with_nine_tenths_of_the_fleets_median() -> None:
    values = [100.0, 90.0, 89.0, None, 0.0]
    assert covered([("a", START + day * DAY, START + day * DAY, value) for day, value in enumerate(values)]) == [0, 1]


def test_nodes_that_sent_nothing_do_not_lower_the_median() -> None:
    silent = [(name, START, START, 0.0) for name in ("e", "f", "g", "h")]
    assert covered([("a", START, START, 80.0), *silent]) == []


def test_a_node_without_a_sample_at_the_cutoff_does_not_report() -> None:
    assert covered([("a", START + DAY - timedelta(seconds=1), START + DAY, 100.0)]) == []


def test_a_sample_that_became_known_after_the_cutoff_does_not_count() -> None:
    late = [("a", START, START + DAY, 100.0), ("a", START + DAY, START + DAY, 100.0)]
    assert covered(late) == [1]


def test_a_node_that_does_not_report_is_unknown() -> None:
    records = fleet(nodes=[NODE], telemetry=samples([("a", START, START, 5.0)]), metrics=(Metric("n"),))
    risk = assess(records.view(), daily(START, 2), Coverage("n"))
    assert risk.at_risk.tolist() == [[True, False]]
    assert risk.unknown.tolist() == [[False, True]]


def test_a_cutoff_after_the_view_is_refused() -> None:
    with pytest.raises(FutureError, match="2021-01-03"):
        assess(fleet(nodes=[NODE]).view(START + DAY), daily(START, 3), None)


def test_cutoffs_must_ascend() -> None:
    with pytest.raises(DataError, match=r"2021-01-02.*comes after.*2021-01-03"):
        assess(fleet(nodes=[NODE]).view(HINDSIGHT), daily(START, 3)[[0, 2, 1]], None)


def test_an_empty_fleet_has_no_node_at_risk() -> None:
    assert len(assess(fleet().view(), daily(START, 3), None).rows()) == 0
    silent = fleet(nodes=[NODE], telemetry=samples([]), metrics=(Metric("n"),))
    assert len(assess(silent.view(), daily(START, 3), Coverage("n")).rows()) == 0
    assert len(assess(silent.view(), daily(START, 0), Coverage("n")).rows()) == 0


def test_chosen_rows_keep_their_times() -> None:
    risk = assess(fleet(nodes=[NODE, NODE | {"node": "b"}]).view(), daily(START, 3), None)
    rows = risk.rows().take(np.array([1, 5]))
    assert pairs(rows)[0] == ["a", "b"]
    assert rows.ts.tolist() == risk.cutoffs[[1, 2]].tolist()
