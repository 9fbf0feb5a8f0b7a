"""Results as markdown, for Prefect's artifacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from serving.explanation.reason import LEGEND, SEPARATOR, in_words
from serving.scoring.likely_cause import likely_cause_summary, with_likely_cause

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from data.ingest.ingest import IngestReport
    from data.maintenance.retention import MaintainReport
    from pipelines.output.reports import DecideReport, ScoreReport, TrainReport

MARKUP: Final = re.compile(r"[\\|<\[`]")
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
    newest = [f"newest time: {report.newest:%Y-%m-%d %H:%M} UTC"] if report.newest else []
    oddities = [f"telemetry: {count:,} {what}" for what, count in report.oddities.items()]
    return [f"{report.buckets:,} buckets rolled up", *newest, *rejected, *oddities, *report.notices]


def ingest_markdown(report: IngestReport) -> str:
    """Write an ingest's report."""
    return "\n".join(
        [
            "# Ingest",
            "",
            *markdown_table(INGEST_COLUMNS, ingest_rows(report)),
            "",
            *markdown_list(ingest_remarks(report)),
        ]
    )


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write a table's lines."""
    lines = [map(_plain, columns), ["---"] * len(columns), *(map(_plain, row) for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def markdown_list(lines: Iterable[str]) -> list[str]:
    """Write a list's lines."""
    return [f"- {_plain(line)}" for line in lines]


def _plain(text: str) -> str:
    """Keep a text, such as a node's name, from being read as HTML, as a link, or as the end of its cell or line."""
    return MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


TRAIN_MEASURES = ("pr_auc", "roc_auc", "observed_over_expected")
TRAIN_COLUMNS = ("horizon", "PR-AUC", "ROC-AUC", "observed/expected")


def train_markdown(report: TrainReport) -> str:
    """Write what was trained and how well it did on folds that it had not seen."""
    told = markdown_list(train_lines(report))
    table = markdown_table(TRAIN_COLUMNS, train_rows(report)) if report.metrics else []
    return "\n".join(["# Train", "", *told, "", *table])


def train_lines(report: TrainReport) -> list[str]:
    """Say what was trained, and how far it can be trusted."""
    names = ", ".join(report.aliases) or "no alias"
    lines = [
        f"version {report.version} ({names}), trained on what was known at {report.trained_until:%Y-%m-%d %H:%M} UTC",
        f"{report.failures:,} failures to learn from, {report.rows:,} sampled rows, {report.features} features",
    ]
    if report.support != "ok":
        lines.append(
            f"{report.support}: {report.min_failures} failures are needed (model.min_failures); history and pooled "
            "rates stand in for a model, and its scores are never acted on"
        )
    causes = [report.causes] if report.causes else []
    return [*lines, *causes, *_warnings(report), *(["on folds that it had not seen:"] if report.metrics else [])]


def train_rows(report: TrainReport) -> list[tuple[str, ...]]:
    """List each horizon's figures on unseen folds, under TRAIN_COLUMNS; `metrics` names them <measure>_<days>d."""
    horizons = dict.fromkeys(name.rpartition("_")[2] for name in report.metrics)
    return [
        (days, *(_figure(report.metrics.get(f"{measure}_{days}")) for measure in TRAIN_MEASURES)) for days in horizons
    ]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


RISKIEST_COLUMNS = ("node", "P(fail)", "reasons")


SHOWN = 10  # of the riskiest nodes


def score_markdown(report: ScoreReport) -> str:
    """Write the riskiest nodes."""
    return "\n".join(
        [
            "# Scores",
            "",
            *markdown_table(RISKIEST_COLUMNS, riskiest_rows(report, SHOWN)),
            "",
            *markdown_list(score_lines(report)),
        ]
    )


def riskiest_rows(report: ScoreReport, shown: int) -> list[tuple[str, ...]]:
    """List so many of the riskiest nodes, under RISKIEST_COLUMNS."""
    known = ((one, one.probability) for one in report.scores[:shown])
    return [
        (one.node, f"{chance:.1%}", with_likely_cause(one.likely_cause, in_words(one.reasons)))
        for one, chance in known
        if chance is not None
    ]


def score_lines(report: ScoreReport) -> list[str]:
    """Say what was scored, and how to read it."""
    support, nodes = "" if report.support == "ok" else f" ({report.support})", "node" if report.nodes == 1 else "nodes"
    told = (
        f"{report.nodes:,} {nodes} scored as of {report.as_of:%Y-%m-%d %H:%M} UTC by model {report.model_version}"
        f"{support}, {report.unknown:,} unknown (not reporting), {report.out:,} out (in a failure or maintenance that "
        f"has not ended); probabilities of a failure within {report.horizon_days:g} days"
    )
    causes = likely_cause_summary([one.likely_cause for one in report.scores if one.probability is not None])
    return [told, *([causes] if causes else []), *([LEGEND] if report.nodes else []), *_warnings(report)]


def _warnings(report: TrainReport | ScoreReport) -> list[str]:
    return [f"warning: {notice}" for notice in report.notices]


DECISION_COLUMNS = ("node", "verdict", "why")


def decide_markdown(report: DecideReport) -> str:
    """Write what should be drained, and what held the rest back."""
    return "\n".join(
        [
            "# Decisions (dry run)",
            "",
            *markdown_table(DECISION_COLUMNS, decision_rows(report)),
            "",
            *markdown_list(decide_lines(report)),
        ]
    )


def decision_rows(report: DecideReport) -> list[tuple[str, ...]]:
    """List the drains, then what was held back, under DECISION_COLUMNS."""
    return [
        (one.node, one.verdict.value, SEPARATOR.join(part for part in (one.limit, one.reason) if part))
        for one in (*report.drains, *report.held_back)
    ]


def decide_lines(report: DecideReport) -> list[str]:
    """Sum the decisions up."""
    pays = "a drain never pays" if report.threshold > 1 else f"a drain pays from {report.threshold:.1%}"
    counts = (
        f"as of {report.as_of:%Y-%m-%d %H:%M} UTC: {len(report.drains)} to drain, {len(report.held_back)} held back, "
        f"{report.left:,} left alone, {report.unknown:,} of them unknown; nothing was done to any node"
    )
    grounds = (
        f"fleet of {report.fleet:,}, {report.out:,} of them out already; {pays} "
        f"over {report.horizon_days:g} days; scores by model {report.model_version}"
    )
    return [counts, grounds, LEGEND] if report.drains or report.held_back else [counts, grounds]


MAINTAIN_COLUMNS: Final = ("table", "rows", "files", "size", "old files removed")
KILO: Final = 1000


def maintain_markdown(report: MaintainReport) -> str:
    """Write an upkeep's report."""
    lines = (f"- {line}" for line in maintain_lines(report))
    return "\n".join(["# Maintain", "", *markdown_table(MAINTAIN_COLUMNS, maintain_rows(report)), "", *lines])


def size_in_words(count: float) -> str:
    """Write a number of bytes as people read it."""
    for unit in ("B", "kB", "MB"):
        if count < KILO:
            return f"{count:.3g} {unit}"
        count /= KILO
    return f"{count:.3g} GB" if count < KILO else f"{count:,.0f} GB"


def maintain_rows(report: MaintainReport) -> list[tuple[str, ...]]:
    """Write each table's size before and after, a row a table."""
    return [
        (
            name,
            _change(f"{one.before.rows:,}", f"{one.after.rows:,}"),
            _change(f"{one.before.files:,}", f"{one.after.files:,}"),
            _change(size_in_words(one.before.bytes), size_in_words(one.after.bytes)),
            f"{one.removed_files:,}",
        )
        for name, one in report.tables.items()
    ]


def _change(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def maintain_lines(report: MaintainReport) -> list[str]:
    """Write what else an upkeep did, a line each."""
    lines = [f"{report.decisions:,} decisions forgotten"]
    if report.dropped_until is not None:
        lines.append(f"telemetry is dropped up to {report.dropped_until:%Y-%m-%d %H:%M} UTC; its buckets stay")
    spared = (f"{name} {', '.join(map(str, versions))}" for name, versions in report.spared.items())
    return [*lines, f"versions spared: {'; '.join(spared)}"] if report.spared else lines
