from __future__ import annotations

import numpy as np
import pytest

from features.grid import to_numpy
from models.causes.counts import LEVELS, WINDOWS, CountLevel, tally
from models.causes.labels import Causes
from tests.features.fleets import DAY, START, event
from tests.models.causes.made_up import TERMS, UNTIL, lemons, rows_of


def test_counts_are_those_of_a_loop_over_the_events() -> None:
    whole = lemons(event("n1", START + 3 * DAY, START + 3 * DAY, cause="fan", recorded_at=START + 50 * DAY))
    rows, causes = rows_of(whole), Causes.of(whole.events, TERMS)
    told, nodes = tally(whole.view(UNTIL), rows, causes), {one["node"]: one for one in whole.nodes.to_dicts()}
    assert set(told) == set(LEVELS)
    for at in np.random.default_rng(1).choice(len(rows), 40, replace=False):
        name, ts = rows.names[rows.node[at]], rows.ts[at]
        for level, counts in told.items():
            expected = np.zeros(len(causes.names))
            for one in whole.events.iter_rows(named=True):
                start, known = to_numpy(one["start"]), to_numpy(one["recorded_at"])
                is_own = {
                    "fleet": True,
                    "node": one["node"] == name,
                }.get(level.group, nodes[one["node"]].get(level.group) == nodes[name].get(level.group))
                recent = level.window is None or start > ts - np.timedelta64(level.window)
                if is_own and known <= ts and recent and one["cause"] in causes.names:
                    expected[causes.names.index(one["cause"])] += 1
            assert counts[at].tolist() == expected.tolist(), (name, ts, level)


@pytest.mark.parametrize("at", [20, 61])
def test_what_becomes_known_later_changes_no_bit(at: int) -> None:
    late = event("n0", START + 10 * DAY, START + 11 * DAY, cause="fan", recorded_at=START + 70 * DAY)
    whole, then = lemons(late), START + at * DAY
    causes = Causes.of(whole.events, TERMS)
    full = tally(whole.view(UNTIL), rows_of(whole, then, 30), causes)
    cut = tally(whole.known_at(then).view(then), rows_of(whole, then, 30), causes)
    for level in LEVELS:
        assert full[level].tobytes() == cut[level].tobytes()


def test_a_node_without_failures_counts_none_and_its_rack_the_others() -> None:
    whole = lemons()
    rows = rows_of(whole.only(["n0"], START, UNTIL), START, 0)
    told = tally(whole.view(START), rows, Causes.of(whole.events, TERMS))
    assert all(not counts.any() for level, counts in told.items() if level.group == "node")
    assert CountLevel("fleet", WINDOWS[0]) in told
