"""Maps a file's columns to the canonical ones, or raises an error that names the column that prevents it."""

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
class TableSpec:
    """The canonical columns of a table, and what its other columns are: metrics or labels."""

    table: str
    required: tuple[str, ...]
    times: frozenset[str]
    texts: frozenset[str]
    has_metrics: bool = False
    is_optional: bool = False
    may_be_empty: bool = False
    ignored: frozenset[str] = frozenset()

    def ignoring(self, names: Collection[str]) -> TableSpec:
        """Return the spec without columns of these canonical names; the canonical columns themselves stay."""
        return replace(self, ignored=frozenset(names) - self.times - self.texts)


TELEMETRY: Final = TableSpec(
    "telemetry",
    (NODE, TS),
    frozenset({TS, AVAILABLE_AT}),
    frozenset({NODE}),
    has_metrics=True,
    is_optional=True,
)
EVENTS: Final = TableSpec(
    "events",
    (NODE, "start", "end", "kind"),
    frozenset({"start", "end", "recorded_at", "end_recorded_at"}),
    frozenset({NODE, "kind", "cause", "source"}),
    may_be_empty=True,  # a new fleet has had no failure yet
)
NODES: Final = TableSpec(
    "nodes",
    (NODE, "observed_from"),
    frozenset({"observed_from", "observed_until", "as_of", "revised_at"}),
    frozenset({NODE, "rack", "hardware", "partition"}),
)
BLIND: Final = TableSpec(
    "blind",
    ("start", "end"),
    frozenset({"start", "end", "recorded_at"}),
    frozenset(),
    is_optional=True,
    may_be_empty=True,
)


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The columns of a file that are read for a table; `source_names` is {canonical name: name in the file}."""

    spec: TableSpec
    source_names: Mapping[str, str]

    @classmethod
    def match(
        cls, where: object, spec: TableSpec, types: Mapping[str, pl.DataType], renamed: Mapping[str, str]
    ) -> ColumnMapping:
        """Match the columns of the file `where` with a table; `renamed` is {canonical name: name in the file}.

        Raises:
            ColumnError: if a column is missing, has the wrong type or an impossible name.
        """
        require_columns(where, types)
        taken = {*renamed.values(), *renamed}
        names = {name: name for name in types if name not in taken and not is_row_number(name)} | dict(renamed)
        names = {name: column for name, column in names.items() if name not in spec.ignored}
        missing = [column for column in names.values() if column not in types]
        missing += [name for name in spec.required if name not in names]
        if missing:
            raise ColumnError.missing(where, missing, types)
        for name, column in names.items():
            expected = _expected_type(spec, name, types[column])
            if expected is not None:
                raise ColumnError.wrong_type(where, column, types[column], expected)
        mapping = cls(spec, names)
        if spec.has_metrics:
            require_metrics(where, mapping.extra_columns)
        return mapping

    @property
    def extra_columns(self) -> tuple[str, ...]:
        """The names of the columns that are not canonical, in alphabetical order."""
        return tuple(sorted(self.source_names.keys() - self.spec.times - self.spec.texts))

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rename and cast: times to microseconds UTC, texts to strings, metrics to floats."""
        return frame.select(
            self._cast(name, frame.schema[column]).alias(name) for name, column in self.source_names.items()
        )

    def _cast(self, name: str, dtype: pl.DataType) -> pl.Expr:
        column = pl.col(self.source_names[name])
        if name in self.spec.times:
            return column.cast(UTC) if dtype == pl.Null else column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
        if name in self.spec.texts:
            return column.cast(pl.String)
        if self.spec.has_metrics:
            return column.cast(_float_type(dtype))
        return pl.when(_is_on_the_calendar(column)).then(column) if isinstance(dtype, pl.Datetime) else column


def _is_on_the_calendar(column: pl.Expr) -> pl.Expr:
    """Compare microseconds, since times of labels need no zone."""
    low, high = (pl.lit(bound).to_physical() for bound in CALENDAR)
    return column.to_physical().is_between(low, high)


def _float_type(dtype: pl.DataType) -> type[pl.DataType]:
    """Return the float type of a metric: Float32 for narrow floats and for columns without a value, else Float64."""
    if dtype in (pl.Float32, pl.Float16, pl.Null):
        return pl.Float32
    return pl.Float64


def _expected_type(spec: TableSpec, name: str, dtype: pl.DataType) -> str | None:
    """Return a text that names what a column should hold; None if its type is right."""
    if name in spec.times:
        return None if dtype == pl.Null else _expected_time(dtype)
    if name in spec.texts:
        is_text = dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null) or dtype.is_integer()
        return None if is_text else "text"
    if not spec.has_metrics:
        return "text, numbers or times, since it becomes a label" if dtype == pl.Binary else None
    is_metric = dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)
    return None if is_metric else "numbers, since every column beyond node, ts and available_at is a metric"


def _expected_time(dtype: pl.DataType) -> str | None:
    if not isinstance(dtype, pl.Datetime):
        return "timestamps with a time zone"
    return None if dtype.time_zone else "timestamps with a time zone, such as UTC; these have none"
