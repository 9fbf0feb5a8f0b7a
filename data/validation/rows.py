"""Sifts rows that can't be true from a source's tables, so that one bad row costs itself and not the run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import polars as pl
import polars.selectors as cs

from data.errors import EmptyTableError
from data.merge_rule import BLIND_RULE, EVENT_RULE, NODE_RULE, TELEMETRY_RULE
from data.schema import AVAILABLE_AT, NODE, QUARANTINE_SCHEMA, TS, UNREADABLE, EventKind, Metric
from data.validation.cells import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from data.merge_rule import MergeRule

DAWN: Final = datetime(1990, 1, 1, tzinfo=UTC)  # clocks that were never set start in 1970 or 1980
CALENDAR: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
IS_OFF_THE_CALENDAR: Final = ~cs.datetime().is_between(*CALENDAR)
OFF_CALENDAR: Final = "holds a time outside the years 1 to 9999"
UNLISTED: Final = "is of a node that the inventory does not list"
TOO_EARLY: Final = "became available before its ts"
Faults = dict[str, pl.Expr]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What can be true: no time after `latest`, no node outside `known`, no value outside its metric's range."""

    source: str
    latest: datetime
    known: pl.Series
    describe: Callable[[str], Metric] = Metric


@dataclass(frozen=True, slots=True)
class Sifted:
    """A table's usable rows, the rejected ones in QUARANTINE_SCHEMA, and how many said nothing new.

    `duplicates` were equal in every column; `outdated` lost to another row with the same key by the merge rule.
    """

    good: pl.DataFrame
    rejected: pl.DataFrame
    duplicates: int
    outdated: int


def sift_telemetry(rows: pl.DataFrame, bounds: Bounds) -> Sifted:
    """Sift telemetry; a cell that can't be read or can't be true is quarantined alone and becomes null, as NaN does."""
    good, rejected = _sift("telemetry", rows, bounds)
    good, cells = clean(good, bounds.describe)
    told = [_quarantined("telemetry", cell.drop("reason"), cell["reason"], bounds.source) for cell in cells]
    return _resolved(good, pl.concat([rejected, *told]), TELEMETRY_RULE)


def sift_events(rows: pl.DataFrame, bounds: Bounds) -> Sifted:
    """Sift events; of those that lie in the future only maintenance, which can be planned, is kept."""
    return _resolved(*_sift("events", rows, bounds), EVENT_RULE)


def sift_nodes(rows: pl.DataFrame, bounds: Bounds) -> Sifted:
    """Sift the inventory, whatever nodes were known before."""
    return _resolved(*_sift("nodes", rows, bounds), NODE_RULE)


def sift_blind(rows: pl.DataFrame, bounds: Bounds) -> Sifted:
    """Sift the blind periods."""
    return _resolved(*_sift("blind", rows, bounds), BLIND_RULE)


def judge(table: str, rows: pl.DataFrame, bounds: Bounds) -> pl.Series:
    """Give the first reason against each row of a table, or null."""
    off = {OFF_CALENDAR: pl.any_horizontal(IS_OFF_THE_CALENDAR)}
    reasons = {**off, **FAULTS[table](bounds)}
    found = pl.coalesce(
        _unread_row(rows), *(pl.when(is_bad).then(pl.lit(reason)) for reason, is_bad in reasons.items())
    )
    return rows.select(found.alias("reason")).to_series()


def _telemetry_faults(bounds: Bounds) -> Faults:
    return {
        "has no node": _is_empty(NODE),
        "has no ts": pl.col(TS).is_null(),
        "lies in the future": pl.max_horizontal(TS, AVAILABLE_AT) > bounds.latest,
        "lies before 1990": pl.col(TS) < DAWN,
        TOO_EARLY: pl.col(AVAILABLE_AT) < pl.col(TS),
        UNLISTED: ~pl.col(NODE).is_in(bounds.known.implode()),
    }


def _event_faults(bounds: Bounds) -> Faults:
    happened = pl.max_horizontal("start", "end", "end_recorded_at")
    is_early = (happened > bounds.latest) & (pl.col("kind") != EventKind.MAINTENANCE)
    return {
        "has no node": _is_empty(NODE),
        "has no start": pl.col("start").is_null(),
        "has no kind": _is_empty("kind"),
        "ends before it starts": pl.col("end") < pl.col("start"),
        "lies in the future": (pl.col("recorded_at") > bounds.latest) | is_early,
        "lies before 1990": pl.col("start") < DAWN,
        UNLISTED: ~pl.col(NODE).is_in(bounds.known.implode()),
    }


def _node_faults(bounds: Bounds) -> Faults:
    return {
        "has no node": _is_empty(NODE),
        "has a control character in its name": pl.col(NODE).str.contains(r"\p{Cc}"),  # terminals would obey it
        "has no observed_from": pl.col("observed_from").is_null(),
        "lies before 1990": pl.col("observed_from") < DAWN,
        "left before it came": pl.col("observed_until") <= pl.col("observed_from"),
        "lies in the future": pl.max_horizontal("observed_from", "as_of") > bounds.latest,
    }


def _blind_faults(bounds: Bounds) -> Faults:
    return {
        "has no start": pl.col("start").is_null(),
        "has no end": pl.col("end").is_null(),
        "ends before it starts": pl.col("end") <= pl.col("start"),
        "lies in the future": pl.max_horizontal("end", "recorded_at") > bounds.latest,
    }


FAULTS: Final[Mapping[str, Callable[[Bounds], Faults]]] = {
    "telemetry": _telemetry_faults,
    "events": _event_faults,
    "nodes": _node_faults,
    "blind": _blind_faults,
}


def require_usable(table: str, usable: int, rejected: Mapping[str, int]) -> None:
    """Raise EmptyTableError if every row was rejected, and name the commonest reason."""
    if usable or not rejected:
        return
    reason = max(rejected, key=lambda reason: (rejected[reason], reason))
    raise EmptyTableError(
        table,
        f"not one of its {sum(rejected.values())} rows can be used; {rejected[reason]} of them: a row {reason}",
        fix="correct the export, or the column mapping under [source.columns.<table>] in the settings",
    )


def count_reasons(rejected: pl.DataFrame) -> dict[str, int]:
    """Count quarantined rows by reason."""
    return dict(rejected.group_by("reason").len().sort("reason").iter_rows())


def _is_empty(text: str) -> pl.Expr:
    return pl.col(text).is_null() | (pl.col(text) == "")


def _sift(table: str, rows: pl.DataFrame, bounds: Bounds) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the rows with a reason against them from the others; the first reason counts."""
    reason = judge(table, rows, bounds)
    bad = rows.filter(reason.is_not_null())
    return rows.filter(reason.is_null()), _quarantined(table, bad, reason.drop_nulls(), bounds.source)


def _quarantined(table: str, bad: pl.DataFrame, reason: pl.Series, source: str) -> pl.DataFrame:
    moment = pl.col(TS if TS in bad.columns else "start" if "start" in bad.columns else "observed_from")
    return bad.select(
        pl.lit(table).alias("table"),
        reason,
        (pl.col(NODE) if NODE in bad.columns else pl.lit(None, pl.String)).alias(NODE),
        pl.when(moment.is_between(*CALENDAR)).then(moment).alias(TS),
        pl.struct(_writable(bad)).struct.json_encode().alias("row"),
        pl.lit(source).alias("source"),
    ).cast(pl.Schema(QUARANTINE_SCHEMA))


def _writable(rows: pl.DataFrame) -> list[pl.Expr]:
    """Take every column, but those with a time off the calendar as microseconds since 1970."""
    is_off = rows.select(IS_OFF_THE_CALENDAR.any()).row(0, named=True)
    return [pl.col(name).to_physical() if is_off.get(name) else pl.col(name) for name in rows.columns]


def _unread_row(rows: pl.DataFrame) -> pl.Expr:
    """Give what a source could not read, where that costs the row: more than a metric."""
    if UNREADABLE not in rows.columns:
        return pl.lit(None, pl.String)
    metrics = pl.lit(pl.Series(rows.select(cs.float()).columns, dtype=pl.String).implode())
    is_vital = ~pl.element().struct.field("column").is_in(metrics)
    return pl.col(UNREADABLE).list.eval(pl.element().filter(is_vital)).list.first().struct.field("fault")


def _resolved(good: pl.DataFrame, rejected: pl.DataFrame, rule: MergeRule) -> Sifted:
    good = good.drop(UNREADABLE, strict=False)
    kept = rule.resolve(good)
    distinct = good.height if kept.height == good.height else good.unique().height
    return Sifted(kept, rejected, good.height - distinct, distinct - kept.height)
