"""The nouns as tables: column names, types, metrics and bucket aggregates, written down once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

import polars as pl

NODE: Final = "node"
TS: Final = "ts"
AVAILABLE_AT: Final = "available_at"
MONTH: Final = "month"
BUCKET_END: Final = "bucket_end"
LATENESS: Final = "lateness"
SEPARATOR: Final = "__"
COUNTERS: Final = "counters"  # in the name of a feature: all on-change metrics that count, together

UTC: Final = pl.Datetime("us", "UTC")

TELEMETRY_KEYS: Final = {NODE: pl.String(), TS: UTC, AVAILABLE_AT: UTC}
EVENT_SCHEMA: Final = {
    NODE: pl.String(),
    "start": UTC,
    "end": UTC,
    "kind": pl.String(),
    "cause": pl.String(),
    "source": pl.String(),
    "recorded_at": UTC,
    "end_recorded_at": UTC,
    "labels": pl.String(),  # a JSON object: every other column of the record; null if there is none
}
NODE_SCHEMA: Final = {
    NODE: pl.String(),
    "rack": pl.String(),
    "hardware": pl.String(),
    "partition": pl.String(),
    "labels": pl.String(),  # a JSON object: every other column of the inventory
    "observed_from": UTC,
    "observed_until": UTC,
    "as_of": UTC,  # the newest time that the inventory's source holds; the newer inventory wins
    "revised_at": UTC,  # when the inventory itself was last written: of two that are as new, the later revision wins
}
BLIND_SCHEMA: Final = {"start": UTC, "end": UTC, "recorded_at": UTC}
BUCKET_KEYS: Final = {NODE: pl.String(), BUCKET_END: UTC, LATENESS: pl.Int32()}
SCORE_SCHEMA: Final = {
    NODE: pl.String(),
    TS: UTC,
    "horizon_hours": pl.Float64(),
    "probability": pl.Float64(),  # null where support is 'unknown'
    "model_version": pl.String(),
    "support": pl.String(),  # 'ok', 'low support' or 'unknown'
    "data_age_hours": pl.Float64(),
    "reasons": pl.String(),  # a JSON list of objects, as serving.explanation.reason writes it
    "cause": pl.String(),  # the likely cause, or 'unknown'; null where an earlier Nodeward scored
    "cause_probability": pl.Float64(),  # of that cause, if the node fails; null where it is unknown
    "cause_note": pl.String(),  # why it is unknown; null where it is known
}
DECISION_SCHEMA: Final = {
    NODE: pl.String(),
    TS: UTC,  # as of when it was decided
    "action": pl.String(),
    "reason": pl.String(),
    "limit": pl.String(),  # the limit that held it back; null if none did
    "probability": pl.Float64(),
    "horizon_hours": pl.Float64(),
    "model_version": pl.String(),
}
QUARANTINE_SCHEMA: Final = {
    "table": pl.String(),
    "reason": pl.String(),
    NODE: pl.String(),
    TS: UTC,
    "row": pl.String(),  # the row as JSON, as it was read
    "source": pl.String(),
}

UNREADABLE: Final = "__unreadable"  # beside a source's own columns: what could not be read in a row, if anything
UNREADABLE_TYPE: Final = pl.List(
    pl.Struct({name: pl.String() for name in ("column", "value", "fault", "at")})  # column is empty for a whole row
)


class EventKind(StrEnum):
    """Kinds of event that mean something here; others are kept and ignored."""

    FAILURE = "failure"
    MAINTENANCE = "maintenance"
    ACTION = "action"


class MetricKind(StrEnum):
    """How a metric's values are to be read."""

    GAUGE = "gauge"  # a level: temperature, power, load
    COUNTER = "counter"  # only rises, but for resets: errors, bytes
    COUNT = "count"  # samples received: how well the node was seen
    BOOT_TIME = "boot_time"  # Unix seconds of the last boot
    AGE = "age"  # hours that go on counting while nothing is reported: power-on hours


@dataclass(frozen=True, slots=True)
class Metric:
    """One column of telemetry.

    `sampled` metrics report on a schedule, so silence means something; `on_change` metrics report
    only when they change, so the last value holds until the next one. A value below `min` or above `max`
    can't be true; where they are left out, data/validation/value_ranges.py knows some from the kind and the unit.
    A sampled gauge of how busy a node is has `idle_below`: on average below that, it is idle.
    """

    name: str
    kind: MetricKind = MetricKind.GAUGE
    sampling: Literal["sampled", "on_change"] = "sampled"
    unit: str = ""
    min: float | None = None
    max: float | None = None
    label: str = ""  # what people call it; empty: its name
    idle_below: float | None = None


# What a bucket keeps of a metric. Every one of them can be merged with its neighbour's.
#   n: samples; mean; m2: sum of squared deviations from the mean (Chan et al. 1979); min; max;
#   first, last and their times first_ts, last_ts; increase: sum of rises, a fall counting as a reset to zero.
AGGREGATES: Final = ("n", "mean", "m2", "min", "max", "first", "last", "first_ts", "last_ts", "increase")

AGGREGATE_TYPES: Final = {name: pl.Float64() for name in AGGREGATES} | {
    "n": pl.UInt32(),
    "first_ts": pl.Int64(),  # microseconds since 1970
    "last_ts": pl.Int64(),
}


def bucket_column(metric: str, aggregate: str) -> str:
    """Name the bucket table's column for one aggregate of one metric."""
    return f"{metric}{SEPARATOR}{aggregate}"
