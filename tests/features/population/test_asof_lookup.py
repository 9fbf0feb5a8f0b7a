"""Looking up what was known: every result against a loop over the records."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.population.asof_lookup import AsOfLookup, running_max

Record = tuple[int, int, int]  # unit, step, amount
RECORDS = st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 9), st.integers(-9, 9)), max_size=20).map(sorted)
LOOKUPS = st.lists(st.tuples(st.integers(0, 4), st.integers(-6, 12)), max_size=10)


@given(RECORDS, LOOKUPS)
def test_the_records_of_a_unit_are_known_up_to_a_step(records: list[Record], lookups: list[tuple[int, int]]) -> None:
    unit, step, amount = (np.array([record[column] for record in records], dtype=np.int64) for column in range(3))
    units, steps = (np.array([lookup[column] for lookup in lookups], dtype=np.int64) for column in range(2))
    known_records = AsOfLookup(unit, step).known(units, steps)
    newest, total = known_records.newest(amount.astype(np.float64)), known_records.total(amount)
    assert len(known_records.count) == len(newest) == len(total) == len(lookups)
    for index, (of_unit, now) in enumerate(lookups):
        amounts = [record[2] for record in records if record[0] == of_unit and record[1] <= now]
        assert known_records.count[index] == len(amounts)
        assert total[index] == sum(amounts)
        assert newest[index] == amounts[-1] if amounts else np.isnan(newest[index])


@given(RECORDS)
def test_the_running_maximum_restarts_with_each_unit(records: list[Record]) -> None:
    unit = np.array([record[0] for record in records], dtype=np.int64)
    times = np.array([record[2] for record in records], dtype="datetime64[us]")
    expected = [
        max(time for of_unit, _, time in records[: index + 1] if of_unit == record[0])
        for index, record in enumerate(records)
    ]
    assert running_max(unit, times).astype(np.int64).tolist() == expected
