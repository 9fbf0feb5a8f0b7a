"""Computes the windows of a live fleet, however long, at a cost that depends only on the number of new buckets.

Buckets are merged in blocks. A window is the rest of the block in which it begins, the whole blocks after that,
and the newest block up to now. The first two are merged once per block, for every bucket at which a window can end
in it, and the last one grows bucket by bucket (two stacks, Tangwongsan et al. 2015): nothing is ever subtracted.
Merged tables are kept in a cache; they have the same bits whether they were kept or are recomputed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from data.time_grid import EPOCH
from features.grid import Grid, to_numpy
from features.telemetry.partial_windows import Key, PartialWindows, columns_of, each_bucket
from features.telemetry.window_statistics import DerivedStatistic, WindowStatistic

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime, timedelta

    import polars as pl

    from data.view import View
    from features.feature import Catalogue

FORMAT = 1  # of the kept tables
LONGEST_BLOCK = 48  # buckets: a table is kept for each of them
RECENT = 3  # newest buckets up to which merges are kept: after slightly late data, little is merged again
HEAD, BEFORE_HEAD = "head", "behind"  # kept tables: the newest block up to a bucket, and the part of a window before it


class WindowCache(Protocol):
    """Keeps tables by name."""

    def names(self) -> Collection[str]:
        """Return the names of the kept tables."""
        ...

    def get(self, name: str) -> pl.DataFrame | None:
        """Return a table; None if it is not kept."""
        ...

    def put(self, name: str, table: pl.DataFrame) -> None:
        """Keep a table."""
        ...

    def drop(self, name: str) -> None:
        """Remove a table."""
        ...


@dataclass(frozen=True, slots=True)
class WindowNeeds:
    """What a catalogue needs of the buckets: for each metric and family, the lengths of its windows."""

    width: timedelta
    lengths: Mapping[Key, frozenset[int]]

    @classmethod
    def of(cls, catalogue: Catalogue, width: timedelta) -> WindowNeeds:
        """List the aggregates that the features of sampled metrics are computed from."""
        clock, lengths = Grid.clock(width), dict[Key, frozenset[int]]()
        for feature in catalogue.features:
            if isinstance(feature.statistic, WindowStatistic | DerivedStatistic) and feature.window is not None:
                for statistic, length in feature.statistic.bases(clock.length(feature.window)):
                    key = feature.metric, statistic.family
                    lengths[key] = lengths.get(key, frozenset()) | {length}
        return cls(width, lengths)

    @property
    def windows(self) -> list[int]:
        """The lengths, in buckets, in ascending order."""
        return sorted(frozenset[int]().union(*self.lengths.values()))

    @property
    def block(self) -> int:
        """The number of buckets in a block; only a window of the newest bucket alone is shorter."""
        return min(next((length for length in self.windows if length > 1), 1), LONGEST_BLOCK)

    @property
    def stamp(self) -> str:
        """The needs as text; tables that were kept under another stamp can't be used."""
        lines = sorted(
            (metric, family.name, *family.columns, *map(str, sorted(lengths)))
            for (metric, family), lengths in self.lengths.items()
        )
        return f"{FORMAT} {self.width} {lines}"

    def keys(self, length: int) -> list[Key]:
        """List the metrics and families that have a window of a length."""
        return [key for key, lengths in self.lengths.items() if length in lengths]


@dataclass(frozen=True, slots=True)
class SlidingWindows:
    """The windows that end at a view's time."""

    needs: WindowNeeds
    view: View
    cache: WindowCache

    @property
    def now(self) -> int:
        """The number of the newest bucket."""
        return int(Grid.clock(self.needs.width).position(to_numpy(self.view.at).reshape(1))[0])

    def windows(self) -> dict[int, PartialWindows]:
        """Merge the windows of every length, and keep in the cache what later views need."""
        if not self.needs.lengths:
            return {}
        newest, head = self._head(self.now)
        windows = {length: self._window(length, newest, head) for length in self.needs.windows}
        for name in [name for name in self.cache.names() if not self._is_needed(name)]:
            self.cache.drop(name)
        return windows

    def forget(self, spans: Collection[tuple[datetime, datetime]]) -> None:
        """Drop the kept tables that hold a bucket that ends in one of these spans of time."""
        changed = [tuple(-(-(end - EPOCH) // self.needs.width) for end in span) for span in spans]
        for name in list(self.cache.names()):
            first, last = self._buckets_of(name)
            if any(low <= last and high >= first for low, high in changed):
                self.cache.drop(name)

    def _window(self, length: int, newest: PartialWindows, head: PartialWindows) -> PartialWindows:
        keys = self.needs.keys(length)
        return newest.only(keys) if length == 1 else self._behind(length, self.now).followed_by(head)

    def _block_start(self, bucket: int) -> int:
        """Return the first bucket of the block that holds a bucket."""
        return (bucket - 1) // self.needs.block * self.needs.block + 1

    def _head(self, bucket: int) -> tuple[PartialWindows, PartialWindows]:
        """Return a bucket, and its block merged up to it."""
        last, head = self._kept_head(bucket)
        if head and last == bucket:
            (newest,) = self._read(bucket, bucket)
            return newest, head
        newest, *more = self._read(last + 1, bucket)
        head = head.followed_by(newest) if head else newest
        for newest in more:
            head = head.followed_by(newest)
        self.cache.put(f"{HEAD}-{bucket}", head.table())
        return newest, head

    def _kept_head(self, bucket: int) -> tuple[int, PartialWindows | None]:
        """Return the last bucket of the newest kept merge of a bucket's block, and the merge."""
        start = self._block_start(bucket)
        for last in range(bucket, start - 1, -1):
            table = self.cache.get(f"{HEAD}-{last}")
            if table is not None:
                return last, self._merged(table)
        return start - 1, None

    def _merged(self, table: pl.DataFrame) -> PartialWindows:
        return PartialWindows.of(table, self.needs.lengths)

    def _block(self, last: int) -> PartialWindows:
        """Return a whole block, merged, by its last bucket."""
        table = self.cache.get(f"{HEAD}-{last}")
        return self._head(last)[1] if table is None else self._merged(table)

    def _behind(self, length: int, bucket: int) -> PartialWindows:
        """Return the part of a window before the newest block, from the cache or merged."""
        name = f"{BEFORE_HEAD}-{length}-{bucket}"
        table = self.cache.get(name)
        if table is None:
            self._merge_behind(length, bucket)
            table = self.cache.get(name)
        assert table is not None, "merging put it into the cache"
        return self._merged(table)

    def _merge_behind(self, length: int, bucket: int) -> None:
        """Merge the part before the newest block, for windows that end at this bucket or a later one of the block."""
        keys, newest, block = self.needs.keys(length), self._block_start(bucket), self.needs.block
        starts = range(bucket - length + 1, newest + block - length + 1)
        for tail, group in groupby(starts, key=self._block_start):
            middle = self._whole_blocks(tail + block, newest, keys)
            rests = self._rests(tail, list(group), keys) if tail < newest else ((tail, PartialWindows.empty(keys)),)
            for start, rest in rests:
                behind = rest.followed_by(middle) if middle else rest
                self.cache.put(f"{BEFORE_HEAD}-{length}-{start + length - 1}", behind.table())

    def _whole_blocks(self, begin: int, end: int, keys: Collection[Key]) -> PartialWindows | None:
        """Merge the whole blocks from bucket `begin` up to, but without, `end`."""
        merged = None
        for first in range(begin, end, self.needs.block):
            block = self._block(first + self.needs.block - 1).only(keys)
            merged = merged.followed_by(block) if merged else block
        return merged

    def _rests(self, tail: int, starts: list[int], keys: Collection[Key]) -> Iterator[tuple[int, PartialWindows]]:
        """Merge the rest of a block, from each of `starts` to its end, and yield it with its start."""
        last = tail + self.needs.block - 1
        if starts[0] == tail:
            yield tail, self._block(last).only(keys)
        inner = [start for start in starts if start > tail]
        if not inner:
            return
        *older, rest = self._read(inner[0], last, keys)
        for start in range(last, inner[0] - 1, -1):
            rest = rest if start == last else older.pop().followed_by(rest)
            if start in inner:
                yield start, rest

    def _read(self, first: int, last: int, keys: Collection[Key] | None = None) -> Iterator[PartialWindows]:
        """Read buckets from the view, the oldest first."""
        grid, needed = Grid(first, last - first + 1, self.needs.width), list(keys or self.needs.lengths)
        table = self.view.buckets(columns_of(needed), grid.start, grid.start + (grid.count - 1) * grid.width)
        return each_bucket(table, grid, needed)

    def _buckets_of(self, name: str) -> tuple[int, int]:
        """Return the first and the last bucket of a kept table."""
        kind, *numbers = name.split("-")
        *length, bucket = map(int, numbers)
        if kind == HEAD:
            return self._block_start(bucket), bucket
        return bucket - length[0] + 1, self._block_start(bucket) - 1

    def _is_needed(self, name: str) -> bool:
        """Return whether this view or a later one can use a kept table."""
        kind, *numbers = name.split("-")
        bucket, now = int(numbers[-1]), self.now
        if kind == BEFORE_HEAD:
            return bucket >= now and self._block_start(bucket) == self._block_start(now)
        is_whole = bucket % self.needs.block == 0 and bucket > now - max(self.needs.windows) - self.needs.block
        return is_whole or bucket > now - RECENT
