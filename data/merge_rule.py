"""The merge rule: of rows that speak of the same thing the newest wins, whatever order they arrive in.

A key's surviving row is the least upper bound of all of them, so merging is commutative, associative and idempotent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.content_hash import cell_hash, content_hash
from data.schema import AVAILABLE_AT, NODE, SEPARATOR, TS

if TYPE_CHECKING:
    from collections.abc import Sequence

THEIRS: Final = f"{SEPARATOR}new"  # ends a column of the newer table while two are compared
CONTENT: Final = f"{SEPARATOR}content"
FILLED: Final = f"{SEPARATOR}filled"


@dataclass(frozen=True, slots=True)
class MergeRule:
    """Rows with equal `keys` are one row: the one with the largest `newest` columns, then filled cells, then hash.

    A null is smaller than every value. Of two rows that are equally new, the one that says more stands: a cell
    that quarantine gave back is not lost again when its source is read anew. With `by_cell`, rows that are equally
    new are joined instead, since neither takes back what the other says; of two values one hash settles which stands.
    """

    keys: tuple[str, ...]
    newest: tuple[str, ...]
    by_cell: bool = False

    def resolve(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep one row for each key."""
        if rows.select(self.keys).n_unique() == rows.height:
            return rows
        is_contested = rows.select(pl.struct(self.keys).is_duplicated()).to_series()
        contested = rows.filter(is_contested).unique(maintain_order=True)
        winners = self._joined(contested) if self.by_cell else self._fullest(contested)
        return pl.concat([rows.filter(~is_contested), winners])

    def _joined(self, contested: pl.DataFrame) -> pl.DataFrame:
        """Join the newest rows of each key."""
        is_newest = pl.struct(self.newest).rank("dense", descending=True).over(self.keys) == 1
        rivals, cells = contested.filter(is_newest), [name for name in contested.columns if name not in self.keys]
        hashed = rivals.with_columns(cell_hash(rivals[name]).alias(name + CONTENT) for name in cells)
        chosen = (pl.col(name).get(pl.col(name + CONTENT).arg_max()) for name in cells)
        return hashed.group_by(self.keys, maintain_order=True).agg(*chosen).select(contested.columns)

    def _fullest(self, contested: pl.DataFrame) -> pl.DataFrame:
        """Take the newest row of each key; of those the one with the most cells, then by its content."""
        filled = pl.sum_horizontal(pl.all().is_not_null()).alias(FILLED)
        ranked = contested.with_columns(filled, content_hash(contested).alias(CONTENT))
        ordered = ranked.sort(*self.newest, FILLED, CONTENT)
        return ordered.unique(self.keys, keep="last", maintain_order=True).drop(FILLED, CONTENT)

    def merge(self, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
        """Merge two tables, which may differ in their columns."""
        return self.resolve(pl.concat([old, new], how="diagonal"))

    def compare(self, old: pl.DataFrame, new: pl.DataFrame) -> Changes:
        """Tell which rows a merge of `new` into `old`, both resolved, would insert and replace."""
        inserted = new.join(old, on=self.keys, how="anti", nulls_equal=True)
        if inserted.height == new.height:
            return Changes(inserted, new.clear(), 0)
        met = new.join(old, on=self.keys, how="semi", nulls_equal=True)
        rivals = old.join(met, on=self.keys, how="semi", nulls_equal=True)
        winners = self.merge(rivals, met)
        replaced = _changed(rivals, winners, self.keys)
        return Changes(inserted, replaced, met.height - replaced.height)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a merge changes: rows with new keys, rows that take another's place, and how many change nothing."""

    inserted: pl.DataFrame
    replaced: pl.DataFrame
    unchanged: int


def _changed(old: pl.DataFrame, new: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Keep the rows of `new` that say something else than the row of `old` with the same keys."""
    values = [name for name in new.columns if name not in keys]
    absent = [pl.lit(None, new.schema[name]).alias(name) for name in values if name not in old.columns]
    both = new.join(old.with_columns(absent), on=keys, how="left", suffix=THEIRS, nulls_equal=True)
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name + THEIRS)) for name in values)
    return both.filter(differs).select(new.columns)


TELEMETRY_RULE: Final = MergeRule((NODE, TS), (AVAILABLE_AT,), by_cell=True)
EVENT_RULE: Final = MergeRule(("source", NODE, "kind", "start", "cause"), ("end_recorded_at", "end", "recorded_at"))
NODE_RULE: Final = MergeRule((NODE,), ("as_of", "revised_at"))
BLIND_RULE: Final = MergeRule(("start", "end"), ("recorded_at",))
