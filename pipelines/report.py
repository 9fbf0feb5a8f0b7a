"""Results as markdown, for Prefect's artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from data.ingest import IngestReport

INGEST_COLUMNS = ("table", "new", "replaced", "unchanged", "duplicates", "outdated", "quarantined")


def ingest_rows(report: IngestReport) -> list[tuple[str, ...]]:
    """List what became of each table's rows, under INGEST_COLUMNS."""
    return [
        (
            name,
            *(f"{count:,}" for count in (t.inserted, t.replaced, t.unchanged, t.duplicates, t.outdated, t.quarantined)),
        )
        for name, t in report.tables.items()
    ]


def ingest_remarks(report: IngestReport) -> list[str]:
    """Say what else is worth knowing of an ingest."""
    rejected = [
        f"{name}: {count:,} quarantined, since a row {reason}"
        for name, table in report.tables.items()
        for reason, count in table.rejected.items()
    ]
    newest = [f"newest time: {report.newest.isoformat()}"] if report.newest else []
    return [f"{report.buckets:,} rows of buckets rolled up", *newest, *rejected, *report.notices]


def ingest_markdown(report: IngestReport) -> str:
    """Write an ingest's report."""
    return "\n".join(
        [
            "# Ingest",
            "",
            *markdown_table(INGEST_COLUMNS, ingest_rows(report)),
            "",
            *(f"- {remark}" for remark in ingest_remarks(report)),
        ]
    )


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write a table's lines; what would end a cell is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
