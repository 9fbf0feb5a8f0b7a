"""Turns a file's own columns into the canonical ones, or says which column stands in the way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import ColumnError
from data.schema import AVAILABLE_AT, NODE, TS, UTC
from data.validation.column_names import is_row_number, require_columns, require_metrics
from data.validation.rows import CALENDAR

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns that a table has by rights, and what its other columns are."""

    table: str
    required: tuple[str, ...]
    times: frozenset[str]
    texts: frozenset[str]
    others_are_metrics: bool = False
    ignored: frozenset[str] = frozenset()

    def without(self, names: Collection[str]) -> Shape:
        """Leave out columns of these canonical names, but for those of the shape's own."""
        return replace(self, ignored=frozenset(names) - self.times - self.texts)

    def wants(self, name: str) -> bool:
        """Say whether a column of this canonical name is to be read."""
        return name not in self.ignored


TELEMETRY: Final = Shape(
    "telemetry", (NODE, TS), frozenset({TS, AVAILABLE_AT}), frozenset({NODE}), others_are_metrics=True
)
EVENTS: Final = Shape(
    "events",
    (NODE, "start", "end", "kind"),
    frozenset({"start", "end", "recorded_at", "end_recorded_at"}),
    frozenset({NODE, "kind", "cause", "source"}),
)
NODES: Final = Shape(
    "nodes",
    (NODE, "observed_from"),
    frozenset({"observed_from", "observed_until", "as_of", "revised_at"}),
    frozenset({NODE, "rack", "hardware", "partition"}),
)
BLIND: Final = Shape("blind", ("start", "end"), frozenset({"start", "end", "recorded_at"}), frozenset())


@dataclass(frozen=True, slots=True)
class Mapped:
    """A file's columns matched with a shape, as {canonical: the file's own name}."""

    shape: Shape
    own: Mapping[str, str]

    @classmethod
    def of(cls, where: object, shape: Shape, found: Mapping[str, pl.DataType], mapping: Mapping[str, str]) -> Mapped:
        """Match the columns `found` in the file `where`, and check what each of them holds.

        Raises:
            ColumnError: if a column is missing, holds another type than its shape asks for, or has an impossible name.
        """
        require_columns(where, found)
        taken = {*mapping.values(), *mapping}
        own = {name: name for name in found if name not in taken and not is_row_number(name)} | dict(mapping)
        own = {name: column for name, column in own.items() if shape.wants(name)}
        missing = [column for column in own.values() if column not in found]
        missing += [name for name in shape.required if name not in own]
        if missing:
            raise ColumnError.missing(where, missing, found)
        for name, column in own.items():
            fault = _fault(shape, name, found[column])
            if fault is not None:
                raise ColumnError.wrong_type(where, column, found[column], fault)
        mapped = cls(shape, own)
        if shape.others_are_metrics:
            require_metrics(where, mapped.others)
        return mapped

    @property
    def others(self) -> tuple[str, ...]:
        """Name the columns beyond the shape's own, in alphabetical order."""
        return tuple(sorted(self.own.keys() - self.shape.times - self.shape.texts))

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rename and cast: times to microseconds UTC, texts to strings, metrics to floats."""
        return frame.select(self._cast(name, frame.schema[own]).alias(name) for name, own in self.own.items())

    def _cast(self, name: str, found: pl.DataType) -> pl.Expr:
        column = pl.col(self.own[name])
        if name in self.shape.times:
            return column.cast(UTC) if found == pl.Null else column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
        if name in self.shape.texts:
            return column.cast(pl.String)
        if self.shape.others_are_metrics:
            return column.cast(_float_type(found))
        return pl.when(_is_on_the_calendar(column)).then(column) if isinstance(found, pl.Datetime) else column


def _is_on_the_calendar(column: pl.Expr) -> pl.Expr:
    """Compare microseconds, since a label's times need no zone."""
    low, high = (pl.lit(bound).to_physical() for bound in CALENDAR)
    return column.to_physical().is_between(low, high)


def _float_type(found: pl.DataType) -> type[pl.DataType]:
    """Keep the width of a float; what holds no value at all takes the narrowest, everything else the widest."""
    if found in (pl.Float32, pl.Float16, pl.Null):
        return pl.Float32
    return pl.Float64


def _fault(shape: Shape, name: str, found: pl.DataType) -> str | None:
    """Say what a column should hold, if it holds something else."""
    if name in shape.times:
        return None if found == pl.Null else _time_fault(found)
    if name in shape.texts:
        is_text = found in (pl.String, pl.Categorical, pl.Enum, pl.Null) or found.is_integer()
        return None if is_text else "text"
    if not shape.others_are_metrics:
        return "text, numbers or times, since it becomes a label" if found == pl.Binary else None
    is_metric = found.is_numeric() or found in (pl.Boolean, pl.Null)
    return None if is_metric else "numbers, since every column beyond node, ts and available_at is a metric"


def _time_fault(found: pl.DataType) -> str | None:
    if not isinstance(found, pl.Datetime):
        return "timestamps with a time zone"
    return None if found.time_zone else "timestamps with a time zone, such as UTC; these have none"
