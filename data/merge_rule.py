"""The merge rule: of the rows with one key the newest wins, in whatever order they arrive.

The surviving row of a key is the least upper bound of all its rows, so merging is commutative, associative and
idempotent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import AVAILABLE_AT, NODE, SEPARATOR, TS

if TYPE_CHECKING:
    from collections.abc import Sequence

OLD_SUFFIX: Final = f"{SEPARATOR}old"  # ends the names of the older table's columns while two are compared
CONTENT: Final = f"{SEPARATOR}content"
FILLED: Final = f"{SEPARATOR}filled"


@dataclass(frozen=True, slots=True)
class MergeRule:
    """How rows with equal `keys` become one: the largest `newest` columns win, then most filled cells, then the hash.

    A null is smaller than every value. Of two rows that are equally new, the one with more filled cells wins: a cell
    that was released from quarantine is not lost again when its source is read again. With `by_cell`, rows that are
    equally new are joined instead, since neither of them revokes the other's cells; of two values in one cell the one
    with the larger hash wins.
    """

    keys: tuple[str, ...]
    newest: tuple[str, ...]
    by_cell: bool = False

    def resolve(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return one row for each key."""
        if rows.select(self.keys).n_unique() == rows.height:
            return rows
        is_contested = rows.select(pl.struct(self.keys).is_duplicated()).to_series()
        contested = rows.filter(is_contested).unique(maintain_order=True)
        winners = self._join_newest(contested) if self.by_cell else self._select_newest(contested)
        return pl.concat([rows.filter(~is_contested), winners])

    def _join_newest(self, contested: pl.DataFrame) -> pl.DataFrame:
        """Join the newest rows of each key, cell by cell."""
        from data.content_hash import cell_hash  # noqa: PLC0415 - NumPy, which reading tables does without

        is_newest = pl.struct(self.newest).rank("dense", descending=True).over(self.keys) == 1
        newest, values = contested.filter(is_newest), [name for name in contested.columns if name not in self.keys]
        hashed = newest.with_columns(cell_hash(newest[name]).alias(name + CONTENT) for name in values)
        winning_cells = (pl.col(name).get(pl.col(name + CONTENT).arg_max()) for name in values)
        return hashed.group_by(self.keys, maintain_order=True).agg(*winning_cells).select(contested.columns)

    def _select_newest(self, contested: pl.DataFrame) -> pl.DataFrame:
        """Select the newest row of each key; among equally new ones by filled cells, then by hash."""
        from data.content_hash import content_hash  # noqa: PLC0415 - as above

        filled = pl.sum_horizontal(pl.all().is_not_null()).alias(FILLED)
        ranked = contested.with_columns(filled, content_hash(contested).alias(CONTENT))
        ordered = ranked.sort(*self.newest, FILLED, CONTENT)
        return ordered.unique(self.keys, keep="last", maintain_order=True).drop(FILLED, CONTENT)

    def merge(self, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
        """Return the merge of two tables, which may have different columns."""
        return self.resolve(pl.concat([old, new], how="diagonal"))

    def compare(self, old: pl.DataFrame, new: pl.DataFrame) -> MergeChanges:
        """Return the rows that a merge of `new` into `old`, both resolved, would insert and replace."""
        inserted = new.join(old, on=self.keys, how="anti", nulls_equal=True)
        if inserted.height == new.height:
            return MergeChanges(inserted, new.clear(), 0)
        candidates = new.join(old, on=self.keys, how="semi", nulls_equal=True)
        stored = old.join(candidates, on=self.keys, how="semi", nulls_equal=True)
        replaced = _changed(stored, self.merge(stored, candidates), self.keys)
        return MergeChanges(inserted, replaced, candidates.height - replaced.height)


@dataclass(frozen=True, slots=True)
class MergeChanges:
    """What a merge changes: rows with new keys, rows that replace stored ones, and the number without effect."""

    inserted: pl.DataFrame
    replaced: pl.DataFrame
    unchanged: int


def _changed(old: pl.DataFrame, new: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows of `new` that differ from the row of `old` with the same keys."""
    values = [name for name in new.columns if name not in keys]
    absent = [pl.lit(None, new.schema[name]).alias(name) for name in values if name not in old.columns]
    joined = new.join(old.with_columns(absent), on=keys, how="left", suffix=OLD_SUFFIX, nulls_equal=True)
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name + OLD_SUFFIX)) for name in values)
    return joined.filter(differs).select(new.columns)


TELEMETRY_RULE: Final = MergeRule((NODE, TS), (AVAILABLE_AT,), by_cell=True)
EVENT_RULE: Final = MergeRule(("source", NODE, "kind", "start", "cause"), ("end_recorded_at", "end", "recorded_at"))
NODE_RULE: Final = MergeRule((NODE,), ("as_of", "revised_at"))
BLIND_RULE: Final = MergeRule(("start", "end"), ("recorded_at",))
