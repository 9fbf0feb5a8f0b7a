"""Prints the results of `nodeward check`: what works, and what the records can prove."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from pipelines.analysis.evidence import CAUGHT_SHARE, FEWEST_FOR_AN_INTERVAL
from serving.formats import duration, number

if TYPE_CHECKING:
    from datetime import timedelta

    from rich.console import Console

    from pipelines.analysis.check import CheckReport
    from pipelines.analysis.evidence import Evidence

MOST_UNENDED: Final = 5  # nodes that are named


def show_check(report: CheckReport, console: Console) -> None:
    """Print a line for each check, then what the failures allow."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in report.findings:
        mark = Text("✗", "red") if finding.error else Text("✓", "green")
        table.add_row(mark, finding.what, Text(finding.detail, overflow="fold"))
    console.print(table)
    if report.evidence:
        lines = [evidence_text(report.evidence), *rhythm_lines(report)]
        console.print(Text("\n".join(lines)), soft_wrap=True)


def evidence_text(evidence: Evidence) -> str:
    """Return what the failures allow, with the numbers behind it."""
    enough = (
        "enough to train on"
        if evidence.is_enough_to_train
        else f"fewer than model.min_failures = {evidence.failures_needed}: low support, the fleet's rate alone or one "
        "signal"
    )
    period = f"{evidence.start:%Y-%m-%d} to {evidence.end:%Y-%m-%d}"
    lines = [f"{evidence.failures:,} failures of {evidence.nodes:,} nodes, {period}{_learnable(evidence)}: {enough}."]
    if set(evidence.outages.values()) - {evidence.recorded}:
        lines.append(_outages(evidence.recorded, evidence.outages))
    if evidence.ignored_kinds:
        kinds = ", ".join(f"{count:,} of kind {kind!r}" for kind, count in evidence.ignored_kinds.items())
        lines.append(f"Ignored events: {kinds}; those that count are of kind 'failure', 'maintenance' or 'action'.")
    if evidence.unended:
        lines.append(_unended(evidence.unended))
    if evidence.alarm_gaps:
        lines.append(_alarm_gaps(evidence.alarm_gaps))
    return "\n".join([*lines, _backtest_precision(evidence)])


def rhythm_lines(report: CheckReport) -> list[str]:
    """Return how often nodes are sampled and how long outages last, and the settings to write for that."""
    rhythm = report.rhythm
    if rhythm is None:
        return []
    facts = []
    if rhythm.sampled_every:
        facts.append(f"samples come every {duration(rhythm.sampled_every)}")
    if rhythm.outage_median and rhythm.outage_90_percent:
        most = duration(rhythm.outage_90_percent)
        facts.append(f"outages last {duration(rhythm.outage_median)} (median), nine of ten at most {most}")
    text = "; ".join(facts)
    if not report.proposal:
        return [f"{text[0].upper()}{text[1:]}."] if text else []
    lines = [f"{text[:1].upper()}{text[1:]}{'. ' if text else ''}{_reason(report.proposal)}:"]
    for table, keys in groupby(report.proposal.items(), key=lambda item: item[0].partition(".")[0]):
        lines += [f"[{table}]", *(f"{key.partition('.')[2]} = {value}" for key, value in keys)]
    return lines


def _reason(proposal: dict[str, str]) -> str:
    if set(proposal) == {"policy.stale_after"}:
        return "Scores would be acted on that are older than their horizon. This setting prevents it"
    return "These settings fit that"


def _learnable(evidence: Evidence) -> str:
    if evidence.learnable is None:
        return ""
    state = "up and reporting" if evidence.is_seen else "up (an ingest will show how many of these were reporting)"
    which = "of them" if evidence.learnable <= evidence.failures else "(told apart by short horizons)"
    return f"; {evidence.learnable:,} {which} on nodes that were {state}, which a model can learn from"


def _outages(recorded: int, outages: dict[str, int]) -> str:
    """Return what failures are merged into, so that none is lost unseen."""
    (repeat, count), *others = outages.items()
    more = "".join(f", {count:,} within {repeat}" for repeat, count in others)
    each = ", by horizon" if others else ""
    return (
        f"{recorded:,} recorded failures are {count:,} outages where one that starts within {repeat} of another one's "
        f"end is part of it{more} (forecast.repeat{each})."
    )


def _alarm_gaps(gaps: dict[float, timedelta]) -> str:
    rates = ", ".join(f"at {number(rate)} one in {duration(gap)}" for rate, gap in gaps.items())
    return f"Alarms per node and day (forecast.alarm_rates) that give this fleet fewer than one a score: {rates}."


def _unended(failures: dict[str, int]) -> str:
    nodes = ", ".join(f"{node} ({count})" for node, count in list(failures.items())[:MOST_UNENDED])
    return (
        "A failure that starts while an earlier one of its node has no end counts as part of that one, and the node is "
        f"not scored: {nodes}{' …' if len(failures) > MOST_UNENDED else ''}. Give the earlier ones an end."
    )


def _backtest_precision(evidence: Evidence) -> str:
    count = f"A backtest on the last quarter would be evaluated on {evidence.failures_in_last_quarter} failures"
    if evidence.half_width is None:
        return f"{count}: too few for an interval (under {FEWEST_FOR_AN_INTERVAL})."
    return (
        f"{count}: a caught share of {CAUGHT_SHARE:.2f} would be known to ±{evidence.half_width:.3f} at best "
        "(95%, Wilson's interval): failures that share nodes and weeks often double it."
    )
