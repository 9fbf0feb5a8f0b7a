"""Separates invalid rows from a source's tables, so that an invalid row does not stop an ingest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import polars as pl
import polars.selectors as cs

from data.errors import EmptyTableError
from data.merge_rule import BLIND_RULE, EVENT_RULE, NODE_RULE, TELEMETRY_RULE
from data.schema import AVAILABLE_AT, NODE, QUARANTINE_SCHEMA, TS, UNREADABLE, EventKind, Metric
from data.validation.cells import null_invalid_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from data.merge_rule import MergeRule

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)  # clocks that were never set start in 1970 or 1980
CALENDAR: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
IS_OFF_THE_CALENDAR: Final = ~cs.datetime().is_between(*CALENDAR)
OFF_CALENDAR: Final = "holds a time outside the years 1 to 9999"
UNLISTED: Final = "is of a node that the inventory does not list"
TOO_EARLY: Final = "became available before its ts"
Faults = dict[str, pl.Expr]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is valid: no time after `latest`, no node outside `known_nodes`, no value outside its metric's range.

    `describe` returns the description of a metric, and `source` is stored with rejected rows.
    """

    source: str
    latest: datetime
    known_nodes: pl.Series
    describe: Callable[[str], Metric] = Metric


@dataclass(frozen=True, slots=True)
class ValidatedRows:
    """The valid rows of a table, the rejected ones in QUARANTINE_SCHEMA, and the numbers of rows without new content.

    `duplicates` were equal in every column; `outdated` lost to another row with the same key by the merge rule.
    """

    valid: pl.DataFrame
    rejected: pl.DataFrame
    duplicates: int
    outdated: int


def validate_telemetry(rows: pl.DataFrame, bounds: Bounds) -> ValidatedRows:
    """Validate telemetry; a cell that is unreadable or impossible is rejected alone and becomes null, as NaN does."""
    valid, rejected = _split("telemetry", rows, bounds)
    valid, cells = null_invalid_cells(valid, bounds.describe)
    rejected_cells = [_rejected("telemetry", cell.drop("reason"), cell["reason"], bounds.source) for cell in cells]
    return _resolved(valid, pl.concat([rejected, *rejected_cells]), TELEMETRY_RULE)


def validate_events(rows: pl.DataFrame, bounds: Bounds) -> ValidatedRows:
    """Validate events; in the future only maintenance is valid, since it can be planned."""
    return _resolved(*_split("events", rows, bounds), EVENT_RULE)


def validate_nodes(rows: pl.DataFrame, bounds: Bounds) -> ValidatedRows:
    """Validate the inventory; its nodes need not be known."""
    return _resolved(*_split("nodes", rows, bounds), NODE_RULE)


def validate_blind(rows: pl.DataFrame, bounds: Bounds) -> ValidatedRows:
    """Validate the blind periods."""
    return _resolved(*_split("blind", rows, bounds), BLIND_RULE)


def rejection_reasons(table: str, rows: pl.DataFrame, bounds: Bounds) -> pl.Series:
    """Return the first reason to reject each row of a table, null for a valid row."""
    reasons = {OFF_CALENDAR: pl.any_horizontal(IS_OFF_THE_CALENDAR), **FAULTS[table](bounds)}
    first = pl.coalesce(
        _unreadable_fault(rows), *(pl.when(is_invalid).then(pl.lit(reason)) for reason, is_invalid in reasons.items())
    )
    return rows.select(first.alias("reason")).to_series()


def _telemetry_faults(bounds: Bounds) -> Faults:
    return {
        "has no node": _is_empty(NODE),
        "has no ts": pl.col(TS).is_null(),
        "lies in the future": pl.max_horizontal(TS, AVAILABLE_AT) > bounds.latest,
        "lies before 1990": pl.col(TS) < EARLIEST,
        TOO_EARLY: pl.col(AVAILABLE_AT) < pl.col(TS),
        UNLISTED: ~pl.col(NODE).is_in(bounds.known_nodes.implode()),
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
        "lies before 1990": pl.col("start") < EARLIEST,
        UNLISTED: ~pl.col(NODE).is_in(bounds.known_nodes.implode()),
    }


def _node_faults(bounds: Bounds) -> Faults:
    return {
        "has no node": _is_empty(NODE),
        "has a control character in its name": pl.col(NODE).str.contains(r"\p{Cc}"),  # a terminal would execute it
        "has no observed_from": pl.col("observed_from").is_null(),
        "lies before 1990": pl.col("observed_from") < EARLIEST,
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
    """Raise EmptyTableError, with the most frequent reason, if every row was rejected."""
    if usable or not rejected:
        return
    reason = max(rejected, key=lambda reason: (rejected[reason], reason))
    raise EmptyTableError(
        table,
        f"not one of its {sum(rejected.values())} rows can be used; {rejected[reason]} of them: a row {reason}",
        fix="correct the export, or the column mapping under [source.columns.<table>] in the settings",
    )


def count_reasons(rejected: pl.DataFrame) -> dict[str, int]:
    """Return the number of rejected rows by reason."""
    return dict(rejected.group_by("reason").len().sort("reason").iter_rows())


def _is_empty(text: str) -> pl.Expr:
    return pl.col(text).is_null() | (pl.col(text) == "")


def _split(table: str, rows: pl.DataFrame, bounds: Bounds) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the valid rows and the rejected ones, in QUARANTINE_SCHEMA."""
    reason = rejection_reasons(table, rows, bounds)
    invalid = rows.filter(reason.is_not_null())
    return rows.filter(reason.is_null()), _rejected(table, invalid, reason.drop_nulls(), bounds.source)


def _rejected(table: str, invalid: pl.DataFrame, reason: pl.Series, source: str) -> pl.DataFrame:
    time = pl.col(TS if TS in invalid.columns else "start" if "start" in invalid.columns else "observed_from")
    return invalid.select(
        pl.lit(table).alias("table"),
        reason,
        (pl.col(NODE) if NODE in invalid.columns else pl.lit(None, pl.String)).alias(NODE),
        pl.when(time.is_between(*CALENDAR)).then(time).alias(TS),
        pl.struct(_encodable(invalid)).struct.json_encode().alias("row"),
        pl.lit(source).alias("source"),
    ).cast(pl.Schema(QUARANTINE_SCHEMA))


def _encodable(rows: pl.DataFrame) -> list[pl.Expr]:
    """Select every column; those with a time off the calendar as microseconds since 1970."""
    is_off = rows.select(IS_OFF_THE_CALENDAR.any()).row(0, named=True)
    return [pl.col(name).to_physical() if is_off.get(name) else pl.col(name) for name in rows.columns]


def _unreadable_fault(rows: pl.DataFrame) -> pl.Expr:
    """Return the first fault that a source found outside of a row's metrics, which invalidates the row."""
    if UNREADABLE not in rows.columns:
        return pl.lit(None, pl.String)
    metrics = pl.lit(pl.Series(rows.select(cs.float()).columns, dtype=pl.String).implode())
    is_no_metric = ~pl.element().struct.field("column").is_in(metrics)
    return pl.col(UNREADABLE).list.eval(pl.element().filter(is_no_metric)).list.first().struct.field("fault")


def _resolved(valid: pl.DataFrame, rejected: pl.DataFrame, rule: MergeRule) -> ValidatedRows:
    valid = valid.drop(UNREADABLE, strict=False)
    kept = rule.resolve(valid)
    distinct = valid.height if kept.height == valid.height else valid.unique().height
    return ValidatedRows(kept, rejected, valid.height - distinct, distinct - kept.height)
