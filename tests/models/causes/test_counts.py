from __future__ import annotations

import numpy as np
import pytest

from features.grid import to_numpy
from models.causes.counts import LEVELS, WINDOWS, CountLevel, cause_counts
from models.causes.labels import Causes
from tests.features.fleets import DAY, START, event
from tests.models.causes.made_up import CRITERIA, UNTIL, lemons, rows_of


def test_counts_are_those_of_a_loop_over_the_events() -> None:
    late = event("n1", START + 3 * DAY, START + 3 * DAY, cause="fan", recorded_at=START + 50 * DAY)
    records = lemons(late)
    rows, causes = rows_of(records), Causes.of(records.events, CRITERIA)
    counts, nodes = (
        cause_counts(records.view(UNTIL), rows, causes),
        {row["node"]: row for row in records.nodes.to_dicts()},
    )
    assert set(counts) == set(LEVELS)
    for i in np.random.default_rng(1).choice(len(rows), 40, replace=False):
        name, ts = rows.names[rows.node[i]], rows.ts[i]
        for level, of_level in counts.items():
            expected = np.zeros(len(causes.names))
            for failure in records.events.iter_rows(named=True):
                start, known_from = to_numpy(failure["start"]), to_numpy(failure["recorded_at"])
                in_group = {
                    "fleet": True,
                    "node": failure["node"] == name,
                }.get(level.group, nodes[failure["node"]].get(level.group) == nodes[name].get(level.group))
                is_recent = level.window is None or start > ts - np.timedelta64(level.window)
                if in_group and known_from <= ts and is_recent and failure["cause"] in causes.names:
                    expected[causes.names.index(failure["cause"])] += 1
            assert of_level[i].tolist() == expected.tolist(), (name, ts, level)


@pytest.mark.parametrize("day", [20, 61])
def test_what_becomes_known_later_changes_no_bit(day: int) -> None:
    late = event("n0", START + 10 * DAY, START + 11 * DAY, cause="fan", recorded_at=START + 70 * DAY)
    records, then = lemons(late), START + day * DAY
    causes = Causes.of(records.events, CRITERIA)
    full = cause_counts(records.view(UNTIL), rows_of(records, then, 30), causes)
    cut = cause_counts(records.known_at(then).view(then), rows_of(records, then, 30), causes)
    assert len(LEVELS) == 8
    for level in LEVELS:
        assert full[level].tobytes() == cut[level].tobytes()


def test_a_node_without_failures_counts_none_and_its_rack_the_others() -> None:
    records = lemons()
    rows = rows_of(records.only(["n0"], START, UNTIL), START, 0)
    counts = cause_counts(records.view(START), rows, Causes.of(records.events, CRITERIA))
    assert [counts[CountLevel("node", window)].sum() for window in WINDOWS] == [0, 0]
    assert CountLevel("fleet", WINDOWS[0]) in counts
