"""`nodeward audit`: searches the records for what would make a forecast look better than it is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared
from pipelines.commands.times import DATES, utc

Start = Annotated[
    datetime | None,
    typer.Option(
        "--test-start",
        formats=DATES,
        metavar="DATE",
        help="Audit forecasts from then on (UTC); default: report.days before the records' end.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="End with exit code 3 if anything was found.")]


@flattened
def audit(shared: Shared, test_start: Start = None, *, strict: Strict = False) -> None:
    """Search the state's records for what would make a forecast look better than it is."""
    invocation = shared.invoke()
    from data.errors import DataError
    from models.audit.finding import Severity
    from pipelines.analysis.audit import audit as audit_records
    from pipelines.views.audit import show_audit

    report = audit_records(invocation.settings, utc(test_start))
    invocation.present(report, show_audit)
    if strict and (names := report.named(Severity.FOUND)):
        raise DataError(
            f"the audit found: {', '.join(names)}", fix="correct the records as described above, and audit again"
        )
