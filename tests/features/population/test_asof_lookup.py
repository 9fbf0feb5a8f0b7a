"""Looking up what was known: every answer against a loop over the facts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.population.asof_lookup import AsOfLookup, running_max

FACTS = st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 9), st.integers(-9, 9)), max_size=20)
PLACES = st.lists(st.tuples(st.integers(0, 4), st.integers(-6, 12)), max_size=10)


@given(FACTS, PLACES)
def test_each_place_knows_the_facts_of_its_unit_up_to_its_step(
    facts: list[tuple[int, int, int]], places: list[tuple[int, int]]
) -> None:
    facts = sorted(facts)
    unit, step, amount = (np.array([fact[part] for fact in facts], dtype=np.int64) for part in range(3))
    asked = [np.array([place[part] for place in places], dtype=np.int64) for part in range(2)]
    known = AsOfLookup(unit, step).known(asked[0], asked[1])
    newest = known.newest(amount.astype(np.float64))
    for place, (of, now) in enumerate(places):
        own = [fact[2] for fact in facts if fact[0] == of and fact[1] <= now]
        assert known.count[place] == len(own)
        assert known.total(amount)[place] == sum(own)
        assert newest[place] == own[-1] if own else np.isnan(newest[place])


@given(FACTS)
def test_the_running_maximum_starts_anew_with_each_unit(facts: list[tuple[int, int, int]]) -> None:
    facts = sorted(facts)
    unit = np.array([fact[0] for fact in facts], dtype=np.int64)
    moment = np.array([fact[2] for fact in facts], dtype="datetime64[us]")
    expected = [max(other[2] for other in facts[: at + 1] if other[0] == fact[0]) for at, fact in enumerate(facts)]
    assert running_max(unit, moment).astype(np.int64).tolist() == expected
