"""Turns settings into what an ingest is told: how nodes are spelt, what each metric is, and who watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.ingest.ingest import ExpectedMetrics, IngestOptions, no_progress
from data.validation.node_names import Spelling

if TYPE_CHECKING:
    from data.ingest.ingest import Progress
    from pipelines.settings.schema import Settings


def ingest_options(settings: Settings, progress: Progress = no_progress) -> IngestOptions:
    """Describe how a source is to be read."""
    names = settings.identity
    spelling = Spelling(names.ports, names.domains, names.patterns, names.aliases, names.max_unknown_share)
    expected = ExpectedMetrics(settings.metrics.metric, named_metrics(settings))
    return IngestOptions(progress=progress, spelling=spelling, expected=expected)


def named_metrics(settings: Settings) -> dict[str, str]:
    """Give every metric that the settings describe, by its key there."""
    ignored = settings.metrics.ignore
    return {f"metrics.columns.{name}": name for name in settings.metrics.columns if name not in ignored}
