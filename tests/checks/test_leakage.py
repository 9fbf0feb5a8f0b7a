"""No feature, no row at risk and no encoder depends on what became known after the cutoff.

Every feature of the catalogue is computed for many cutoffs in one pass from a late view, and compared bit by bit
with the same features of records that end at the cutoff, or of records with another future.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from data.errors import FutureError
from data.schema import AVAILABLE_AT, TELEMETRY_KEYS
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import USUAL, FleetCapabilities, capabilities_of
from features.catalogue.history_windows import HistoryWindows
from features.compute import batch
from features.events.base_rates import FleetRate, base_rate
from features.grid import to_datetime
from features.population.at_risk import AtRisk, Coverage, assess
from features.population.probation import on_probation
from tests.features.fleets import DAY, START, Fleet, real
from tests.features.protocol import daily, stepwise
from tests.features.synthetic import at_width, synthetic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.feature import Catalogue
    from features.grid import Array, Times


@dataclass(frozen=True, slots=True)
class Case:
    """A fleet, and the cutoffs, windows, coverage and causes that its features are computed with."""

    fleet: Fleet
    cutoffs: Times
    windows: tuple[timedelta, ...]
    coverage: Coverage
    causes: tuple[str, ...]
    history: HistoryWindows = USUAL

    @property
    def every(self) -> timedelta:
        return timedelta(microseconds=int(np.diff(self.cutoffs[:2]).astype(np.int64)[0]))

    def capabilities(self, view: View) -> FleetCapabilities:
        return capabilities_of(view, self.fleet.metrics, self.windows, self.history)

    def catalogue(self) -> Catalogue:
        view = self.fleet.view(to_datetime(self.cutoffs[-1]))
        return build(replace(self.capabilities(view), causes=self.causes))

    def compute(self, fleet: Fleet, cutoffs: Times, at: datetime | None = None) -> RowFeatures:
        view = fleet.view(at or to_datetime(cutoffs[-1]))
        risk = assess(view, cutoffs, self.coverage)
        catalogue = self.catalogue()
        return RowFeatures(risk, catalogue, batch.compute(catalogue, view, risk, risk.rows()))


@dataclass(frozen=True, slots=True)
class RowFeatures:
    """Rows at risk with their features."""

    risk: AtRisk
    catalogue: Catalogue
    features: NDArray[np.float32]

    def differences(self, expected: RowFeatures, cutoff: np.datetime64) -> list[str]:
        """List what differs at a cutoff: nodes at risk, or bits of a node's features."""
        features, names = self._of_cutoff(cutoff)
        expected_features, expected_names = expected._of_cutoff(cutoff)
        if names != expected_names:
            return [f"at risk: {sorted(set(names) ^ set(expected_names))}"]
        node, column = np.nonzero(features.view(np.uint32) != expected_features.view(np.uint32))
        return [
            f"{names[n]} {self.catalogue.names[c]}: {features[n, c]} {expected_features[n, c]}"
            for n, c in zip(node, column, strict=True)
        ]

    def _of_cutoff(self, cutoff: np.datetime64) -> tuple[NDArray[np.float32], list[str]]:
        rows = self.risk.rows()
        is_of_cutoff = rows.ts == cutoff
        features = np.ascontiguousarray(self.features[is_of_cutoff])
        features[np.isnan(features)] = np.nan  # a NaN has many bit patterns
        return features, [rows.names[node] for node in rows.node[is_of_cutoff]]


def made_up() -> Case:
    fleet = synthetic(np.random.default_rng(7))
    return Case(fleet, daily(START + 5 * DAY, 40), (DAY, 2 * DAY, 7 * DAY), Coverage("seen_n", 0.5), ("fan", "gpu"))


def of_width(width: timedelta) -> Case:
    """Use the made-up fleet at the speed at which its buckets are this wide, and one cutoff in each."""
    fleet = at_width(synthetic(np.random.default_rng(7), days=25), width)
    cutoffs = stepwise(START + 20 * width, 40, width)
    history = HistoryWindows.of((4 * width, 40 * width), ())
    return Case(fleet, cutoffs, (width, 4 * width, 12 * width), Coverage("seen_n", 0.5), ("fan", "gpu"), history)


def m100() -> Case:
    """Use the four racks of a real fleet with the most failures."""
    start = datetime(2021, 6, 1, tzinfo=UTC)
    whole = real("m100")
    failures = whole.events.filter(kind="failure").join(whole.nodes, on="node").group_by("rack").len()
    racks = failures.sort("len", "rack", descending=True)["rack"].head(4)
    names = whole.nodes.filter(pl.col("rack").is_in(racks.implode()))["node"]
    fleet = whole.only(names, start, start + 120 * DAY)
    cutoffs = daily(start + 30 * DAY, 60)
    return Case(fleet, cutoffs, (DAY, 7 * DAY, 30 * DAY), Coverage("boot_n"), ("os_silent", "reboot"))


CASES = {
    "5 minutes": lambda: of_width(timedelta(minutes=5)),
    "1 hour": lambda: of_width(timedelta(hours=1)),
    "1 day of four buckets": made_up,
    "1 day": m100,
}
STEPS = (3, 17, 38)  # indices of the cutoffs at which the records end


@cache
def case_of(name: str) -> Case:
    return CASES[name]()


@cache
def in_hindsight(name: str) -> RowFeatures:
    """Compute everything in one pass, from a view long after the last cutoff."""
    case = case_of(name)
    return case.compute(case.fleet, case.cutoffs, at=to_datetime(case.cutoffs[-1]) + 100 * DAY)


each_case = pytest.mark.parametrize("name", CASES)
each_step = pytest.mark.parametrize("step", STEPS)


@each_case
def test_the_cases_have_rows_and_features_that_could_leak(name: str) -> None:
    computed = in_hindsight(name)
    assert len(computed.risk.rows()) > 400
    assert computed.risk.unknown.any()
    assert computed.risk.down.any()
    varying = [len(np.unique(column[~np.isnan(column)])) > 1 for column in computed.features.T]
    assert np.mean(varying) > 0.8


@each_case
@each_step
def test_records_that_end_at_the_cutoff_give_the_same_bits(name: str, step: int) -> None:
    case, cutoff = case_of(name), case_of(name).cutoffs[step]
    records = case.fleet.known_at(to_datetime(cutoff))
    for cutoffs in (case.cutoffs[step : step + 1], case.cutoffs[: step + 1]):
        assert not case.compute(records, cutoffs).differences(in_hindsight(name), cutoff)


@each_case
@each_step
def test_another_future_gives_the_same_bits(name: str, step: int) -> None:
    case = case_of(name)
    changed = with_another_future(case.fleet, to_datetime(case.cutoffs[step]), np.random.default_rng(step))
    computed = case.compute(changed, case.cutoffs)
    for cutoff in case.cutoffs[: step + 1]:
        assert not computed.differences(in_hindsight(name), cutoff)
    assert any(computed.differences(in_hindsight(name), cutoff) for cutoff in case.cutoffs[step + 1 :])


def with_another_future(fleet: Fleet, at: datetime, rng: np.random.Generator) -> Fleet:
    """Change everything that was not known at a time: samples, events, ends, departures, and new nodes."""
    values = [name for name in fleet.telemetry.columns if name not in TELEMETRY_KEYS]
    noise = {name: pl.Series(name, rng.normal(1e4, 1e4, fleet.telemetry.height)) for name in values}
    is_known = pl.col(AVAILABLE_AT) <= at
    telemetry = fleet.telemetry.with_columns(
        pl.when(is_known).then(pl.col(name)).otherwise(noise[name]) for name in values
    )
    has_ended = pl.col("end_recorded_at") <= at
    length = pl.Series(rng.integers(0, 500, fleet.events.height)) * timedelta(hours=1)
    events = fleet.events.with_columns(
        node=pl.when(pl.col("recorded_at") <= at).then("node").otherwise(pl.col("node").reverse()),
        kind=pl.when(pl.col("recorded_at") <= at).then("kind").otherwise(pl.lit("failure")),
        end=pl.when(has_ended).then("end").otherwise(pl.max_horizontal(pl.lit(at), "start") + length),
        end_recorded_at=pl.when(has_ended).then("end_recorded_at").otherwise(pl.lit(at) + timedelta(hours=1) + length),
    )
    return replace(fleet, telemetry=telemetry, events=events, nodes=_with_other_departures(fleet.nodes, at, rng))


def _with_other_departures(nodes: pl.DataFrame, at: datetime, rng: np.random.Generator) -> pl.DataFrame:
    """Let the nodes that are present at a time leave in another order, and add nodes that come after it."""
    permuted = nodes["observed_until"][rng.permutation(nodes.height)]
    has_left = pl.col("observed_until") <= at
    after = pl.max_horizontal(permuted, pl.lit(at) + timedelta(hours=1))
    departures = pl.when(has_left).then("observed_until").when(permuted.is_not_null()).then(after)
    new = nodes.with_columns(node="0" + pl.col("node"), observed_from=pl.lit(at) + timedelta(minutes=1))
    return pl.concat(
        [nodes.with_columns(observed_until=departures), new.with_columns(observed_until=None)], how="diagonal_relaxed"
    )


@each_case
def test_features_do_not_depend_on_the_order_of_the_records(name: str) -> None:
    case = case_of(name)
    computed = case.compute(case.fleet.shuffled(np.random.default_rng(5)), case.cutoffs)
    assert len(case.cutoffs) > 1
    assert not [line for cutoff in case.cutoffs for line in computed.differences(in_hindsight(name), cutoff)]


@each_case
def test_features_do_not_depend_on_when_a_node_leaves_later(name: str) -> None:
    case, last = case_of(name), case_of(name).cutoffs[-1]
    never = case.fleet.nodes.with_columns(
        observed_until=pl.when(pl.col("observed_until") <= to_datetime(last)).then("observed_until")
    )
    soon = never.with_columns(pl.col("observed_until").fill_null(to_datetime(last) + timedelta(seconds=1)))
    for nodes in (never, soon):
        computed = case.compute(replace(case.fleet, nodes=nodes), case.cutoffs)
        assert len(case.cutoffs) > 1
        assert not [line for cutoff in case.cutoffs for line in computed.differences(in_hindsight(name), cutoff)]


@each_case
def test_no_feature_depends_on_a_planted_label_before_it_is_known(name: str) -> None:
    case, step = case_of(name), 20
    cutoff = to_datetime(case.cutoffs[step])
    metric = case.fleet.metrics[0].name
    fails = pl.col("node").is_in(case.fleet.events.filter(pl.col("start") > cutoff)["node"].unique().implode())
    planted = case.fleet.telemetry.with_columns(
        pl.when(pl.col(AVAILABLE_AT) > cutoff).then(fails * 1e6).otherwise(metric).alias(metric)
    )
    computed = case.compute(replace(case.fleet, telemetry=planted), case.cutoffs)
    assert not computed.differences(in_hindsight(name), case.cutoffs[step])
    assert computed.differences(in_hindsight(name), case.cutoffs[step + 5])


@each_case
@each_step
def test_encoders_depend_only_on_what_was_known_at_the_cutoff(name: str, step: int) -> None:
    case = case_of(name)
    cutoffs = case.cutoffs[: step + 1]
    at = to_datetime(cutoffs[-1])
    view, full = case.fleet.known_at(at).view(at), case.fleet.view(at)
    assert case.capabilities(full) == case.capabilities(view)
    at_the_time = rates(view, assess(view, cutoffs, case.coverage), case.every)
    later = rates(case.fleet.view(), in_hindsight(name).risk, case.every)
    for known, in_full in zip(at_the_time, later, strict=True):
        assert known.tobytes() == in_full[: step + 1].tobytes()


def rates(view: View, risk: AtRisk, every: timedelta) -> tuple[Array, Array, Array]:
    """Compute the fleet's rates that baselines and models know."""
    rate = FleetRate.of(view, risk, every, every)
    return base_rate(view, risk, every, every), rate.recent, rate.long_run


@each_case
@each_step
def test_which_nodes_can_be_alarmed_depends_only_on_what_was_known_at_the_cutoff(name: str, step: int) -> None:
    case, cutoff = case_of(name), case_of(name).cutoffs[step]
    at, rows = to_datetime(cutoff), in_hindsight(name).risk.rows()
    of_cutoff = rows.take(rows.ts == cutoff)
    for repeat in (case.every, DAY):
        known = on_probation(case.fleet.known_at(at).view(at), of_cutoff, repeat)
        later = on_probation(case.fleet.view(), rows, repeat)[rows.ts == cutoff]
        assert len(known) > 5
        assert known.tolist() == later.tolist()
    assert on_probation(case.fleet.view(), rows, DAY).any()


@each_case
def test_a_cutoff_after_the_view_is_refused(name: str) -> None:
    case, computed = case_of(name), in_hindsight(name)
    early = case.fleet.view(to_datetime(case.cutoffs[-1]) - timedelta(seconds=1))
    with pytest.raises(FutureError):
        batch.compute(case.catalogue(), early, computed.risk, computed.risk.rows())
    with pytest.raises(FutureError):
        assess(early, case.cutoffs, case.coverage)
