"""Merges a source's records into the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.ingest import ingest as merging
from pipelines.output.progress import progress_bars
from pipelines.wiring import wiring
from pipelines.wiring.ingest_options import ingest_options

if TYPE_CHECKING:
    from data.ingest.ingest import IngestReport
    from pipelines.settings.schema import Settings


def ingest(settings: Settings) -> IngestReport:
    """Merge the source into tables and database; rows that are already there change nothing.

    Raises:
        DataError: if a table can't be read, or holds no row that can be used.
        InfrastructureError: if the disk or the database fails.
    """
    with wiring.records(settings) as records, progress_bars() as progress:
        options = ingest_options(settings, progress)
        return merging.ingest(wiring.source(settings), wiring.store(settings), records, wiring.wall_clock, options)
