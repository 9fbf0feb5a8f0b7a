"""Deletes old data, so that the state does not grow without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.maintenance import retention
from data.maintenance.retention import Retention, RetentionPlan
from pipelines.settings.translation import into
from pipelines.wiring import wiring

if TYPE_CHECKING:
    from data.maintenance.retention import MaintainReport
    from pipelines.settings.schema import Settings


def maintain(settings: Settings) -> MaintainReport:
    """Delete what is older than the retention settings, compact and vacuum.

    Table versions that models cite are kept; they are read before anything is removed.
    """
    cited = wiring.registry(settings).cited_tables() if wiring.has_models(settings) else {}
    with wiring.records(settings) as records:
        now = wiring.clock(settings, records)()
        plan = RetentionPlan(into(Retention, settings.retention), now, cited)
        return retention.maintain(wiring.store(settings), records, plan)
