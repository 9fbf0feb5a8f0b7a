from datetime import UTC, datetime

import pytest

from data.delta.compaction import TableSize
from data.maintenance.retention import MaintainReport, TableMaintenance
from pipelines.output.markdown import format_size, maintain_markdown

REPORT = MaintainReport(
    tables={
        "telemetry": TableMaintenance(TableSize(1200, 40, 5_000_000), TableSize(900, 3, 1_000_000), 7),
        "scores": TableMaintenance(TableSize(), TableSize(), 0),
    },
    spared={"telemetry": (3, 8)},
    decisions=1234,
    dropped_until=datetime(2024, 3, 1, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (74_400_000, "74.4 MB"), (1.5e9, "1.5 GB"), (2.5e12, "2,500 GB")],
)
def test_sizes_have_three_digits(count: float, words: str) -> None:
    assert format_size(count) == words


def test_a_report_lists_what_changed_and_which_versions_were_kept() -> None:
    lines = maintain_markdown(REPORT).splitlines()
    assert "| telemetry | 1,200 → 900 | 40 → 3 | 5 MB → 1 MB | 7 |" in lines
    assert "| scores | 0 | 0 | 0 B | 0 |" in lines
    assert lines[-3:] == [
        "- 1,234 decisions deleted",
        "- telemetry is dropped up to 2024-03-01 00:00 UTC; its buckets are kept",
        "- versions kept: telemetry 3, 8",
    ]
