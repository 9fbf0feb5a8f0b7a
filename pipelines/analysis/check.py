"""Tests everything that the settings name, each part separately, so that one error does not hide the next."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from data.errors import DataError, SettingsError
from data.ingest.notices import unknown_metrics
from data.ingest.preflight import validate_small_tables
from data.redaction import redact
from data.schema import NODE
from data.sql.engine import display_address
from data.validation.canonical_names import canonicalize_telemetry
from data.validation.cells import metrics_of
from data.validation.node_names import NodeNames, require_known_nodes
from data.validation.rows import Bounds, count_reasons
from data.view import RecordFrames
from pipelines.analysis.evidence import Evidence, count_learnable, evidence_of
from pipelines.analysis.proposal import Rhythm, is_enough, propose, rhythm_of, sample_times
from pipelines.output.command_errors import KNOWN_ERRORS, as_nodeward_error
from pipelines.settings.written_lengths import as_toml
from pipelines.wiring import wiring
from pipelines.wiring.ingest_options import ingest_options, named_metrics
from pipelines.wiring.reachability import require_answer
from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.errors import NodewardError
    from data.ingest.preflight import SmallTables
    from data.sources.base import Source
    from pipelines.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one test: a few words if it works, an error if not."""

    what: str
    detail: str
    error: NodewardError | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the source's records show."""

    evidence: Evidence
    rhythm: Rhythm


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Every result; and if the records could be read, what they can prove and the cadence that fits them."""

    findings: tuple[CheckResult, ...]
    evidence: Evidence | None
    rhythm: Rhythm | None = None
    proposal: dict[str, str] = field(default_factory=dict)  # TOML by key

    @property
    def first_error(self) -> NodewardError | None:
        """The first error, if there is one."""
        return next((finding.error for finding in self.findings if finding.error), None)


def check(settings: Settings, prefect_url: str) -> CheckReport:
    """Test the source, the state folder, the database, and the servers that are configured."""
    readings: list[Reading] = []
    findings = [
        _test("source", lambda: _source(settings, readings.append)),
        _test("state", lambda: _state(settings)),
        _test("database", lambda: _database(settings)),
        _test("models", lambda: _tracking(settings)),
        _test("flows", lambda: _flows(prefect_url)),
    ]
    if not readings:
        return CheckReport(tuple(findings), None)
    (reading,) = readings
    lines = {".".join(key): as_toml(value) for key, value in propose(reading.rhythm, settings).items()}
    return CheckReport(tuple(findings), reading.evidence, reading.rhythm, lines)


def _test(what: str, action: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(what, action())
    except KNOWN_ERRORS as error:
        nodeward_error = as_nodeward_error(error)
        if nodeward_error is None:
            raise
        return CheckResult(what, nodeward_error.what, nodeward_error)


def _source(settings: Settings, on_reading: Callable[[Reading], None]) -> str:
    source = wiring.source(settings)
    options, no_nodes = ingest_options(settings), pl.Series(NODE, [], pl.String)
    bounds = Bounds(source.name, wiring.wall_clock() + options.tolerance, no_nodes)
    tables = validate_small_tables(source, bounds, NodeNames(options.spelling, no_nodes))
    times = _check_telemetry(source, tables, settings)
    events, nodes, blind = tables.events, tables.nodes, tables.blind
    evidence = evidence_of(
        events.valid, nodes.valid, settings.model.min_failures, settings.forecast, settings.policy.horizon
    )
    if sum(evidence.ignored_kinds.values()) == events.valid.height > 0:
        kinds = ", ".join(map(repr, evidence.ignored_kinds))
        raise DataError(
            f"no event is of a kind that Nodeward knows: the kinds are {kinds}",
            fix="write 'failure', 'maintenance' or 'action' into the column of kinds ([source.columns.events] kind)",
        )
    evidence = _with_learnable(evidence, RecordFrames(events.valid, nodes.valid, blind.valid), settings)
    on_reading(Reading(evidence, rhythm_of(times, events.valid)))
    unusable = "; ".join(
        f"{pluralize(count, 'row')} of {name}, since a row {reason}"
        for name, table in (("nodes", nodes), ("events", events), ("blind", blind))
        for reason, count in count_reasons(table.rejected).items()
    )
    return f"{settings.source.path} can be read" + (f", except {unusable}" if unusable else "")


def _check_telemetry(source: Source, tables: SmallTables, settings: Settings) -> list[pl.DataFrame]:
    """Check the names of nodes and metrics, and return the times of samples of a few nodes.

    Telemetry is read only until every metric that is named was found and it is known how often nodes are sampled.
    """
    metrics, nodes, named = set[str](), set(tables.named_nodes), named_metrics(settings)
    times: list[pl.DataFrame] = []
    for batch in source.telemetry():
        metrics |= set(metrics_of(batch))
        nodes |= set(canonicalize_telemetry(batch, tables.names)[NODE].drop_nulls().unique())
        if not is_enough(times):
            times.append(sample_times(batch, settings.metrics))
        if metrics.issuperset(named.values()) and is_enough(times):
            break
    require_known_nodes(tables.names, nodes)
    if wrong := unknown_metrics(named, metrics) if metrics else []:
        raise SettingsError("; ".join(wrong), fix="correct the name in the settings, or remove it")
    return times


def _with_learnable(evidence: Evidence, records: RecordFrames, settings: Settings) -> Evidence:
    """Count the failures to learn from; which nodes reported is known once the coverage metric was ingested."""
    store, metric = wiring.store(settings), settings.forecast.coverage_metric
    is_seen = bool(metric) and metric in store.telemetry.metrics()
    until = max([evidence.end, *records.nodes["as_of"].drop_nulls()])
    learnable = count_learnable(records, store.buckets if is_seen else None, until, settings)
    return replace(evidence, learnable=learnable, is_seen=is_seen or not metric)


def _state(settings: Settings) -> str:
    folder = wiring.state_folder(settings)
    with tempfile.TemporaryFile(dir=folder):
        return f"{folder} can be written"


def _database(settings: Settings) -> str:
    with wiring.records(settings) as database:
        return f"{display_address(database.engine)} answers"


def _tracking(settings: Settings) -> str:
    address = wiring.tracking_uri(settings)
    if not address.startswith(("http://", "https://")):
        store = redact(address)
        return store if wiring.has_models(settings) else f"{store}, created by the first training"
    require_answer("the MLflow server (tracking.uri)", address)
    return f"{redact(address)} answers"


def _flows(prefect_url: str) -> str:
    if not prefect_url:
        return "run in this process (PREFECT_API_URL is not set)"
    require_answer("the Prefect server (PREFECT_API_URL)", prefect_url)
    return f"{redact(prefect_url)} answers"
