"""Builds the options of an ingest from the settings: the spelling of nodes, and the description of each metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.ingest.ingest import ExpectedMetrics, IngestOptions, no_progress
from data.validation.node_names import SpellingRules
from pipelines.settings.translation import into

if TYPE_CHECKING:
    from data.ingest.ingest import Progress
    from pipelines.settings.schema import Settings


def ingest_options(settings: Settings, progress: Progress = no_progress) -> IngestOptions:
    """Return how the records of a source are checked and stored."""
    expected = ExpectedMetrics(settings.metrics.metric, named_metrics(settings))
    return IngestOptions(progress=progress, spelling=into(SpellingRules, settings.identity), expected=expected)


def named_metrics(settings: Settings) -> dict[str, str]:
    """Return the metrics that the settings describe and do not ignore, by their key in the settings."""
    ignored = settings.metrics.ignore
    return {f"metrics.columns.{name}": name for name in settings.metrics.columns if name not in ignored}
