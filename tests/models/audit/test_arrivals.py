from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from data.delta.rollup import rollup
from data.schema import AVAILABLE_AT, TS
from data.view import HINDSIGHT, RecordFrames, View
from features.grid import Grid, to_numpy
from features.population.at_risk import Rows
from models.audit.arrivals import ArrivalCounts, count_features, read_counts, reporting_nodes, time_features
from tests.features.fleets import DAY, START, InMemoryTable
from tests.models.audit.plants import clean

HOURS = timedelta(hours=1)
SAMPLES = [  # node, hours after START, hours until it was known, two metrics
    ("a", 1.0, 0, 1.0, None),
    ("a", 2.5, 0, 1.0, 2.0),
    ("a", 20.0, 30, 1.0, None),
    ("b", 30.25, 0, None, 5.0),
    ("zz", 3.0, 0, 1.0, 1.0),
]


def table(samples: list[tuple[str, float, int, float | None, float | None]]) -> pl.DataFrame:
    rows = pl.DataFrame(
        [(node, START + ts * HOURS, START + (ts + late) * HOURS, x, y) for node, ts, late, x, y in samples],
        schema={
            "node": pl.String,
            TS: pl.Datetime("us", "UTC"),
            AVAILABLE_AT: pl.Datetime("us", "UTC"),
            "x": pl.Float64,
            "y": pl.Float64,
        },
        orient="row",
    )
    records = RecordFrames(clean().events, clean().nodes, clean().blind)
    return read_counts(View(HINDSIGHT, DAY, records, InMemoryTable(rollup(rows, ["x", "y"], DAY))), ["x", "y"])


def rows(*days: int) -> Rows:
    cutoffs = np.array([to_numpy(START + day * DAY) for day in days])
    node, cutoff = (axis.ravel() for axis in np.indices((2, len(days))))
    return Rows(("a", "b"), cutoffs, node, cutoff)


def arrivals() -> ArrivalCounts:
    return ArrivalCounts.of(table(SAMPLES), ("a", "b"), Grid.clock(DAY))


def test_rows_count_from_when_they_were_known() -> None:
    assert arrivals().count(rows(1, 2, 3), 1).tolist() == [2, 0, 1, 0, 1, 0]
    assert arrivals().count(rows(1, 2, 3), 3).tolist() == [2, 2, 3, 0, 1, 1]


def test_a_node_without_a_row_has_no_newest_one() -> None:
    age = arrivals().age_hours(rows(1, 2))
    assert age[:2].tolist() == pytest.approx([21.5, 45.5])
    assert np.isnan(age[2])
    assert age[3] == pytest.approx(17.75)
    assert arrivals().past_the_hour(rows(2)).tolist() == pytest.approx([30.0, 15.0])


def test_no_sample_at_all_gives_nothing_and_no_error() -> None:
    empty = ArrivalCounts.of(table([]), ("a", "b"), Grid.clock(DAY))
    assert empty.count(rows(1), 7).tolist() == [0, 0]
    assert np.isnan(time_features(empty, rows(1))).all()


def test_no_row_gives_no_feature() -> None:
    nothing = rows(1).take(np.empty(0, dtype=np.int64))
    assert time_features(arrivals(), nothing).shape == (0, 2)
    assert count_features(arrivals(), nothing, DAY, np.timedelta64(1, "D")).shape == (0, 6)


def test_nodes_that_wrote_are_counted_by_bucket() -> None:
    ends, nodes = reporting_nodes(table(SAMPLES))
    assert nodes.tolist() == [2, 1]
    assert ends.tolist() == [to_numpy(START + day * DAY).item() for day in (1, 2)]
