"""Writes the reports of flows as lines and table rows for a terminal, and as Markdown for Prefect's artifacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipelines.output.estimates import base_weights, fixed, score_weights
from serving.explanation.reason import LEGEND, SEPARATOR, reasons_text
from serving.formats import chance, duration
from serving.scoring.likely_cause import likely_cause_summary, with_likely_cause

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from data.ingest.ingest import IngestReport
    from data.maintenance.retention import MaintainReport
    from pipelines.output.reports import DecideReport, ScoreReport, TrainReport

MARKUP: Final = re.compile(r"[\\|<\[`]")
INGEST_COLUMNS: Final = ("table", "new", "replaced", "unchanged", "duplicates", "outdated", "quarantined")
TRAIN_MEASURES: Final = ("pr_auc", "roc_auc", "observed_over_expected")
TRAIN_COLUMNS: Final = ("horizon", "PR-AUC", "ROC-AUC", "observed/expected")
RISKIEST_COLUMNS: Final = ("node", "P(fail)", "reasons")
DECISION_COLUMNS: Final = ("node", "verdict", "why")
MAINTAIN_COLUMNS: Final = ("table", "rows", "files", "size", "old files removed")
SHOWN: Final = 10  # riskiest nodes
KILO: Final = 1000


def ingest_markdown(report: IngestReport) -> str:
    """Return an ingest's report as Markdown."""
    return _page("Ingest", INGEST_COLUMNS, ingest_rows(report), ingest_remarks(report))


def ingest_rows(report: IngestReport) -> list[tuple[str, ...]]:
    """Return what became of each table's rows, under INGEST_COLUMNS."""
    return [
        (
            name,
            *(f"{count:,}" for count in (t.inserted, t.replaced, t.unchanged, t.duplicates, t.outdated, t.quarantined)),
        )
        for name, t in report.tables.items()
    ]


def ingest_remarks(report: IngestReport) -> list[str]:
    """Return what else an ingest reports, a line each."""
    newest = [f"newest time: {report.newest:%Y-%m-%d %H:%M} UTC"] if report.newest else []
    oddities = [f"telemetry: {count:,} {what}" for what, count in report.oddities.items()]
    return [f"{report.buckets:,} buckets rolled up", *newest, *quarantine_remarks(report), *oddities, *report.notices]


def quarantine_remarks(report: IngestReport) -> list[str]:
    """Return why rows were quarantined, a line for each table and reason."""
    return [
        f"{name}: {count:,} quarantined, since a row {reason}"
        for name, table in report.tables.items()
        for reason, count in table.rejected.items()
    ]


def train_markdown(report: TrainReport) -> str:
    """Return as Markdown what was trained and how well it did on the folds that it was not trained on."""
    table = markdown_table(TRAIN_COLUMNS, train_rows(report)) if report.metrics else []
    return "\n".join(["# Train", "", *markdown_list(train_lines(report)), "", *table])


def train_lines(report: TrainReport) -> list[str]:
    """Return what was trained and how reliable it is, a line each."""
    names = ", ".join(report.aliases) or "no alias"
    lines = [
        f"version {report.version} ({names}), trained on what was known at {report.trained_until:%Y-%m-%d %H:%M} UTC",
        f"{report.failures:,} failures to learn from, {report.rows:,} sampled rows, {report.features} features",
        f"base of every forecast: {base_weights(report.base_strength)}",
    ]
    if report.support == "ok":
        lines.append(f"what sets a node apart: {score_weights(report.trees_share)}")
    else:
        lines.append(
            f"{report.support}: {report.min_failures} failures are needed (model.min_failures); instead of a model, it "
            f"forecasts from {report.basis}, and its scores are never acted on"
        )
    causes = [report.causes] if report.causes else []
    heading = ["on folds that it was not trained on:"] if report.metrics else []
    return [*lines, *causes, *_warnings(report), *heading]


def train_rows(report: TrainReport) -> list[tuple[str, ...]]:
    """Return each horizon's figures on held-out folds, under TRAIN_COLUMNS; `metrics` are named <measure>_<horizon>."""
    horizons = dict.fromkeys(name.rpartition("_")[2] for name in report.metrics)
    figure = fixed(3)
    return [
        (horizon, *(figure(report.metrics.get(f"{measure}_{horizon}")) for measure in TRAIN_MEASURES))
        for horizon in horizons
    ]


def score_markdown(report: ScoreReport) -> str:
    """Return the riskiest nodes as Markdown."""
    return _page("Scores", RISKIEST_COLUMNS, riskiest_rows(report, SHOWN), score_lines(report))


def riskiest_rows(report: ScoreReport, shown: int) -> list[tuple[str, ...]]:
    """Return at most `shown` of the riskiest nodes, under RISKIEST_COLUMNS."""
    return [
        (score.node, chance(score.probability), with_likely_cause(score.likely_cause, reasons_text(score.reasons)))
        for score in report.scores[:shown]
        if score.probability is not None
    ]


def score_lines(report: ScoreReport) -> list[str]:
    """Return what was scored and how to read it, a line each."""
    support, nodes = "" if report.support == "ok" else f" ({report.support})", "node" if report.nodes == 1 else "nodes"
    summary = (
        f"{report.nodes:,} {nodes} scored as of {report.as_of:%Y-%m-%d %H:%M} UTC by model {report.model_version}"
        f"{support}, {report.unknown:,} unknown (not reporting), {report.out:,} out (in a failure or maintenance that "
        f"has not ended); probabilities of a failure within {duration(report.horizon)}"
    )
    causes = likely_cause_summary([score.likely_cause for score in report.scores if score.probability is not None])
    return [summary, *([causes] if causes else []), *([LEGEND] if report.nodes else []), *_warnings(report)]


def decide_markdown(report: DecideReport) -> str:
    """Return as Markdown which nodes should be drained, and which a limit held back."""
    return _page("Decisions (dry run)", DECISION_COLUMNS, decision_rows(report), decide_lines(report))


def decision_rows(report: DecideReport) -> list[tuple[str, ...]]:
    """Return the drains, then those that were held back, under DECISION_COLUMNS."""
    return [
        (decision.node, decision.verdict.value, SEPARATOR.join(filter(None, (decision.limit, decision.reason))))
        for decision in (*report.drains, *report.held_back)
    ]


def decide_lines(report: DecideReport) -> list[str]:
    """Return a summary of the decisions, a line each."""
    pays = "a drain never pays" if report.threshold > 1 else f"a drain pays from {chance(report.threshold)}"
    departed = f", {report.departed:,} left the fleet since the score" if report.departed else ""
    unscored = f", {report.unscored:,} not scored yet" if report.unscored else ""
    counts = (
        f"as of {report.as_of:%Y-%m-%d %H:%M} UTC: {len(report.drains)} to drain, {len(report.held_back)} held back, "
        f"{report.left:,} left alone, {report.unknown:,} of them unknown{departed}; nothing was done to any node"
    )
    grounds = (
        f"fleet of {report.fleet:,}, {report.out:,} of them out already{unscored}; {pays} "
        f"over {duration(report.horizon)}; scores by model {report.model_version}"
    )
    if report.departed and not report.fleet:
        return [counts, grounds, "no node is in the fleet at that time: check observed_until, or give an earlier --at"]
    return [counts, grounds, LEGEND] if report.drains or report.held_back else [counts, grounds]


def maintain_markdown(report: MaintainReport) -> str:
    """Return a maintenance run's report as Markdown."""
    return _page("Maintain", MAINTAIN_COLUMNS, maintain_rows(report), maintain_lines(report))


def maintain_rows(report: MaintainReport) -> list[tuple[str, ...]]:
    """Return each table's size before and after, under MAINTAIN_COLUMNS."""
    return [
        (
            name,
            _change(f"{table.before.rows:,}", f"{table.after.rows:,}"),
            _change(f"{table.before.files:,}", f"{table.after.files:,}"),
            _change(format_size(table.before.bytes), format_size(table.after.bytes)),
            f"{table.removed_files:,}",
        )
        for name, table in report.tables.items()
    ]


def maintain_lines(report: MaintainReport) -> list[str]:
    """Return what else a maintenance run did, a line each."""
    lines = [f"{report.decisions:,} decisions deleted"]
    if report.dropped_until is not None:
        lines.append(f"telemetry is dropped up to {report.dropped_until:%Y-%m-%d %H:%M} UTC; its buckets are kept")
    spared = (f"{name} {', '.join(map(str, versions))}" for name, versions in report.spared.items())
    return [*lines, f"versions kept: {'; '.join(spared)}"] if report.spared else lines


def format_size(count: float) -> str:
    """Return a number of bytes with its unit, in three digits."""
    for unit in ("B", "kB", "MB"):
        if count < KILO:
            return f"{count:.3g} {unit}"
        count /= KILO
    return f"{count:.3g} GB" if count < KILO else f"{count:,.0f} GB"


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    lines = [map(_escape, columns), ["---"] * len(columns), *(map(_escape, row) for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def markdown_list(lines: Iterable[str]) -> list[str]:
    """Return the lines of a list."""
    return [f"- {_escape(line)}" for line in lines]


def _page(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], lines: Iterable[str]) -> str:
    return "\n".join([f"# {title}", "", *markdown_table(columns, rows), "", *markdown_list(lines)])


def _escape(text: str) -> str:
    """Keep a text, such as a node's name, from being read as HTML, as a link, or as the end of its cell or line."""
    return MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


def _warnings(report: TrainReport | ScoreReport) -> list[str]:
    return [f"warning: {notice}" for notice in report.notices]


def _change(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"
