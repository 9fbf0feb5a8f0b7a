"""Results as markdown, for Prefect's artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from data.ingest import IngestReport
    from pipelines.results import DecideReport, ScoreReport, TrainReport

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


def train_markdown(report: TrainReport) -> str:
    """Write what was trained and how well it did on folds that it had not seen."""
    return "\n".join(["# Train", "", *(f"- {line}" for line in train_lines(report))])


def train_lines(report: TrainReport) -> list[str]:
    """Say what was trained, and how far it can be trusted."""
    names = ", ".join(report.aliases) or "no alias"
    lines = [
        f"version {report.version} ({names}), trained on what was known at {report.trained_until:%Y-%m-%d %H:%M} UTC",
        f"{report.failures:,} failures, {report.rows:,} sampled rows, {report.features} features",
    ]
    if report.support != "ok":
        lines.append(
            f"{report.support}: {report.min_failures} failures are needed (model.min_failures); history and pooled "
            "rates stand in for a model, and its scores are never acted on"
        )
    return lines + [f"walk-forward {name}: {value:.4g}" for name, value in report.metrics.items()]


RISKIEST_COLUMNS = ("node", "probability", "reasons")


def score_markdown(report: ScoreReport) -> str:
    """Write the riskiest nodes."""
    return "\n".join(
        ["# Scores", "", *markdown_table(RISKIEST_COLUMNS, riskiest_rows(report)), "", f"- {score_line(report)}"]
    )


def riskiest_rows(report: ScoreReport) -> list[tuple[str, ...]]:
    """List the riskiest nodes, under RISKIEST_COLUMNS."""
    return [(str(row["node"]), f"{row['probability']:.1%}", str(row["reasons"])) for row in report.riskiest]


def score_line(report: ScoreReport) -> str:
    """Say what was scored."""
    return (
        f"{report.nodes:,} nodes scored as of {report.as_of:%Y-%m-%d %H:%M} UTC by version {report.model_version} "
        f"({report.support}), {report.unknown:,} unknown; probabilities for {report.horizon_days:g} days"
    )


DECISION_COLUMNS = ("node", "verdict", "saving, node-h", "why")


def decide_markdown(report: DecideReport) -> str:
    """Write what should be drained, and what held the rest back."""
    return "\n".join(
        [
            "# Decisions (dry run)",
            "",
            *markdown_table(DECISION_COLUMNS, decision_rows(report)),
            "",
            *(f"- {line}" for line in decide_lines(report)),
        ]
    )


def decision_rows(report: DecideReport) -> list[tuple[str, ...]]:
    """List the drains, then what was held back, under DECISION_COLUMNS."""
    return [
        (one.node, one.verdict.value, f"{one.expected_saving or 0:.1f}", _why(one.limit, one.reason))
        for one in (*report.drains, *report.held_back)
    ]


def _why(limit: str | None, reason: str) -> str:
    return f"{limit}. {reason}" if limit else reason


def decide_lines(report: DecideReport) -> list[str]:
    """Sum the decisions up."""
    pays = "a drain never pays" if report.threshold > 1 else f"a drain pays from {report.threshold:.1%}"
    counts = (
        f"as of {report.as_of:%Y-%m-%d %H:%M} UTC: {len(report.drains)} to drain, {len(report.held_back)} held back, "
        f"{report.left:,} left alone, {report.unknown:,} of them unknown; nothing was done to any node"
    )
    grounds = (
        f"fleet of {report.fleet:,}, {report.out:,} of them out already; {pays} "
        f"over {report.horizon_days:g} days; scores by version {report.model_version}"
    )
    return [counts, grounds]
