"""Tries everything that the settings name, each on its own, so that one fault does not hide the next."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
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
from pipelines.analysis.evidence import Evidence, weigh
from pipelines.analysis.learnable import count_learnable
from pipelines.output.exit_codes import NAMED, understood
from pipelines.wiring import wiring
from pipelines.wiring.ingest_options import ingest_options, named_metrics
from pipelines.wiring.reachability import require_answer
from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from data.errors import NodewardError
    from data.ingest.preflight import SmallTables
    from data.sources.base import Source
    from pipelines.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What trying one thing came to: a few words if it works, an error if not."""

    what: str
    detail: str
    error: NodewardError | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Every finding, and what the records can prove if they could be read."""

    findings: tuple[CheckResult, ...]
    evidence: Evidence | None

    @property
    def first_error(self) -> NodewardError | None:
        """Give the first thing that does not work."""
        return next((finding.error for finding in self.findings if finding.error), None)


def check(settings: Settings, prefect_url: str) -> CheckReport:
    """Try the source, the state folder, the database, and the servers that are configured."""
    weighed: list[Evidence] = []
    findings = [
        _try("source", lambda: _source(settings, weighed.append)),
        _try("state", lambda: _state(settings)),
        _try("database", lambda: _database(settings)),
        _try("models", lambda: _tracking(settings)),
        _try("flows", lambda: _flows(prefect_url)),
    ]
    return CheckReport(tuple(findings), weighed[0] if weighed else None)


def _try(what: str, act: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(what, act())
    except NAMED as error:
        known = understood(error)
        if known is None:
            raise
        return CheckResult(what, known.what, known)


def _source(settings: Settings, tell: Callable[[Evidence], None]) -> str:
    source = wiring.source(settings)
    options, nobody = ingest_options(settings), pl.Series(NODE, [], pl.String)
    bounds = Bounds(source.name, wiring.wall_clock() + options.tolerance, nobody)
    found = validate_small_tables(source, bounds, NodeNames(options.spelling, nobody))
    _names(source, found, named_metrics(settings))
    told = weigh(found.events.good, found.nodes.good, settings.model.min_failures)
    if sum(told.ignored_kinds.values()) == found.events.good.height > 0:
        kinds = ", ".join(map(repr, told.ignored_kinds))
        raise DataError(
            f"no event is of a kind that means something here: they are {kinds}",
            fix="write 'failure', 'maintenance' or 'action' into the column of kinds ([source.columns.events] kind)",
        )
    tell(_with_learnable(told, RecordFrames(found.events.good, found.nodes.good, found.blind.good), settings))
    tables = {"nodes": found.nodes, "events": found.events, "blind": found.blind}
    unusable = "; ".join(
        f"{pluralize(count, 'row')} of {name}, since a row {reason}"
        for name, table in tables.items()
        for reason, count in count_reasons(table.rejected).items()
    )
    return f"{settings.source.path} can be read" + (f", but for {unusable}" if unusable else "")


def _names(source: Source, found: SmallTables, named: Mapping[str, str]) -> None:
    """Check the names of nodes and metrics, in as much of telemetry as it takes to meet every metric that is named."""
    metrics, nodes = set[str](), set(found.named_nodes)
    for batch in source.telemetry():
        metrics |= set(metrics_of(batch))
        nodes |= set(canonicalize_telemetry(batch, found.names)[NODE].drop_nulls())
        if metrics.issuperset(named.values()):
            break
    require_known_nodes(found.names, nodes)
    if wrong := unknown_metrics(named, metrics) if metrics else []:
        raise SettingsError("; ".join(wrong), fix="correct the name in the settings, or take it out")


def _with_learnable(told: Evidence, records: RecordFrames, settings: Settings) -> Evidence:
    """Count what can be learned from; who was seen is known once telemetry that counts samples was ingested."""
    store, metric = wiring.store(settings), settings.forecast.coverage_metric
    is_seen = bool(metric) and metric in store.telemetry.metrics()
    until = max([told.end, *records.nodes["as_of"].drop_nulls()])
    counted = count_learnable(records, store.buckets if is_seen else None, until, settings)
    return replace(told, learnable=counted, is_seen=is_seen or not metric)


def _state(settings: Settings) -> str:
    folder = wiring.state_folder(settings)
    with tempfile.TemporaryFile(dir=folder):
        return f"{folder} can be written"


def _database(settings: Settings) -> str:
    with wiring.records(settings) as opened:
        return f"{display_address(opened.engine)} answers"


def _tracking(settings: Settings) -> str:
    address = wiring.tracking_uri(settings)
    if not address.startswith(("http://", "https://")):
        store = redact(address)
        return store if wiring.has_models(settings) else f"{store}, made by the first training"
    require_answer("the MLflow server (tracking.uri)", address)
    return f"{redact(address)} answers"


def _flows(prefect_url: str) -> str:
    if not prefect_url:
        return "run in this process (PREFECT_API_URL is not set)"
    require_answer("the Prefect server (PREFECT_API_URL)", prefect_url)
    return f"{redact(prefect_url)} answers"
