"""The one definition of each table's columns and types, of metrics and of bucket aggregates."""

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
COUNTERS: Final = "counters"  # in names of features: all on-change counters together

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
    "as_of": UTC,  # the newest time in the inventory's source; the newer inventory wins
    "revised_at": UTC,  # when the inventory was last written: of two equally new ones the later revision wins
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
    TS: UTC,  # the decision's time
    "action": pl.String(),
    "reason": pl.String(),
    "limit": pl.String(),  # the limit that prevented the action; null if none did
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

UNREADABLE: Final = "__unreadable"  # a column that a source may add: the cells of the row that could not be read
# "column" is empty if the whole row is unreadable.
UNREADABLE_TYPE: Final = pl.List(pl.Struct({name: pl.String() for name in ("column", "value", "fault", "at")}))


class EventKind(StrEnum):
    """Kinds of event that Nodeward uses; others are stored and ignored."""

    FAILURE = "failure"
    MAINTENANCE = "maintenance"
    ACTION = "action"


class MetricKind(StrEnum):
    """What the values of a metric mean."""

    GAUGE = "gauge"  # a level: temperature, power, load
    COUNTER = "counter"  # only rises, except at resets: errors, bytes
    COUNT = "count"  # samples received: how complete the monitoring of the node was
    BOOT_TIME = "boot_time"  # Unix seconds of the last boot
    AGE = "age"  # hours that continue to count while nothing is reported: power-on hours


@dataclass(frozen=True, slots=True)
class Metric:
    """One column of telemetry.

    A `sampled` metric is reported on a schedule, so a missing sample is information. An `on_change` metric is
    reported only when it changes, so the last value is valid until the next one. Values below `min` or above `max` are
    impossible; where they are None, data/validation/value_ranges.py derives them from the kind and the unit. For a
    sampled gauge that measures how busy a node is, a mean below `idle_below` means that the node is idle.
    """

    name: str
    kind: MetricKind = MetricKind.GAUGE
    sampling: Literal["sampled", "on_change"] = "sampled"
    unit: str = ""
    min: float | None = None
    max: float | None = None
    label: str = ""  # the name in reports; if empty, `name`
    idle_below: float | None = None


# What a bucket stores of a metric. Each aggregate can be merged with that of the next bucket.
#   n: samples; mean; m2: sum of squared deviations from the mean (Chan et al. 1979); min; max;
#   first, last and their times first_ts, last_ts; increase: sum of rises, where a fall is a reset to zero.
AGGREGATES: Final = ("n", "mean", "m2", "min", "max", "first", "last", "first_ts", "last_ts", "increase")

AGGREGATE_TYPES: Final = {name: pl.Float64() for name in AGGREGATES} | {
    "n": pl.UInt32(),
    "first_ts": pl.Int64(),  # microseconds since 1970
    "last_ts": pl.Int64(),
}


def bucket_column(metric: str, aggregate: str) -> str:
    """Return the name of the bucket table's column for an aggregate of a metric."""
    return f"{metric}{SEPARATOR}{aggregate}"
