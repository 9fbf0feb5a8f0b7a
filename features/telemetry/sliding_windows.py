"""The windows of a live fleet at the cost of what is new, however long they are.

Buckets are folded in blocks. A window is the rest of the block that it begins in, the whole blocks after that,
and the newest block up to now. The first two are folded once a block, for every bucket at which a window can end
in it, and the last one grows bucket by bucket (two stacks, Tangwongsan et al. 2015): nothing is ever subtracted.
What was folded lies on a shelf, and has the same bits whether it was kept or is made anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from features.feature import Origin
from features.grid import EPOCH, Grid, to_numpy
from features.telemetry.derived import DERIVED
from features.telemetry.partial_windows import PartialWindows, columns_of, each, family, family_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime, timedelta

    import polars as pl

    from data.view import View
    from features.feature import Catalogue
    from features.telemetry.partial_windows import Key

FORMAT = 1  # of what lies on a shelf
LONGEST_BLOCK = 48  # buckets: a table is kept for each of them
RECENT = 3  # buckets of the newest block from which it can go on growing: what comes a little late costs little
HEAD, BEHIND = "head", "behind"


class WindowCache(Protocol):
    """Keeps tables by name."""

    def names(self) -> Collection[str]:
        """Name the tables that are there."""
        ...

    def get(self, name: str) -> pl.DataFrame | None:
        """Give a table; None if it is not there."""
        ...

    def put(self, name: str, table: pl.DataFrame) -> None:
        """Keep a table."""
        ...

    def drop(self, name: str) -> None:
        """Forget a table."""
        ...


@dataclass(frozen=True, slots=True)
class Needs:
    """What a catalogue asks of the buckets: for each metric and family, the lengths of its windows."""

    width: timedelta
    lengths: Mapping[Key, frozenset[int]]

    @classmethod
    def of(cls, catalogue: Catalogue, width: timedelta) -> Needs:
        """List what the features of sampled metrics are made of."""
        clock, found = Grid.clock(width), dict[tuple[str, str], frozenset[int]]()
        for feature in catalogue.features:
            if feature.origin is Origin.WINDOW and feature.window is not None:
                for statistic, length in bases(feature.stat, clock.length(feature.window)):
                    key = feature.metric, family_of(statistic)
                    found[key] = found.get(key, frozenset()) | {length}
        return cls(width, found)

    @property
    def windows(self) -> list[int]:
        """List the lengths, in buckets."""
        return sorted(frozenset[int]().union(*self.lengths.values()))

    @property
    def block(self) -> int:
        """Give the buckets of a block; no window but that of the newest bucket alone is shorter."""
        return min(next((length for length in self.windows if length > 1), 1), LONGEST_BLOCK)

    @property
    def stamp(self) -> str:
        """Tell it in words: what was folded for other needs is of no use to these."""
        told = sorted((*key, *family(key[1]).columns, *map(str, sorted(of))) for key, of in self.lengths.items())
        return f"{FORMAT} {self.width} {told}"

    def keys(self, length: int) -> list[Key]:
        """List the metrics and families that have a window of a length."""
        return [key for key, lengths in self.lengths.items() if length in lengths]


def bases(statistic: str, length: int) -> list[tuple[str, int]]:
    """List the statistics, each over a window of its own, that a statistic is made of."""
    if statistic not in DERIVED:
        return [(statistic, length)]
    return [(base, 1 if newest else length) for base, newest in DERIVED[statistic].bases]


@dataclass(frozen=True, slots=True)
class SlidingWindows:
    """The windows that end at a view's time."""

    needs: Needs
    view: View
    shelf: WindowCache

    @property
    def now(self) -> int:
        """Give the number of the newest bucket."""
        return int(Grid.clock(self.needs.width).position(to_numpy(self.view.at).reshape(1))[0])

    def windows(self) -> dict[int, PartialWindows]:
        """Fold the windows of every length, and leave on the shelf what later views need."""
        if not self.needs.lengths:
            return {}
        newest, head = self._head(self.now)
        told = {length: self._window(length, newest, head) for length in self.needs.windows}
        for name in [name for name in self.shelf.names() if not self._is_needed(name)]:
            self.shelf.drop(name)
        return told

    def forget(self, spans: Collection[tuple[datetime, datetime]]) -> None:
        """Drop what was folded of buckets that end in one of these spans of time."""
        changed = [tuple(-(-(end - EPOCH) // self.needs.width) for end in span) for span in spans]
        for name in list(self.shelf.names()):
            first, last = self._buckets_of(name)
            if any(low <= last and high >= first for low, high in changed):
                self.shelf.drop(name)

    def _window(self, length: int, newest: PartialWindows, head: PartialWindows) -> PartialWindows:
        keys = self.needs.keys(length)
        return newest.only(keys) if length == 1 else self._behind(length, self.now).followed_by(head)

    def _first(self, bucket: int) -> int:
        """Give the first bucket of the block that holds one."""
        return (bucket - 1) // self.needs.block * self.needs.block + 1

    def _head(self, bucket: int) -> tuple[PartialWindows, PartialWindows]:
        """Give a bucket, and the fold of its block up to it."""
        kept, head = self._kept(bucket)
        if head and kept == bucket:
            (newest,) = self._read(bucket, bucket)
            return newest, head
        newest, *more = self._read(kept + 1, bucket)
        head = head.followed_by(newest) if head else newest
        for newest in more:
            head = head.followed_by(newest)
        self.shelf.put(f"{HEAD}-{bucket}", head.table())
        return newest, head

    def _kept(self, bucket: int) -> tuple[int, PartialWindows | None]:
        """Give the newest fold of a bucket's block up to it that is kept, and the bucket at which it ends."""
        first = self._first(bucket)
        for at in range(bucket, first - 1, -1):
            table = self.shelf.get(f"{HEAD}-{at}")
            if table is not None:
                return at, PartialWindows.of(table)
        return first - 1, None

    def _block(self, last: int) -> PartialWindows:
        """Give the fold of a whole block, by its last bucket."""
        table = self.shelf.get(f"{HEAD}-{last}")
        return self._head(last)[1] if table is None else PartialWindows.of(table)

    def _behind(self, length: int, bucket: int) -> PartialWindows:
        """Give the part of a window that lies before the newest block."""
        name = f"{BEHIND}-{length}-{bucket}"
        table = self.shelf.get(name)
        if table is None:
            self._turn(length, bucket)
            table = self.shelf.get(name)
        assert table is not None, "it was put there just now"
        return PartialWindows.of(table)

    def _turn(self, length: int, bucket: int) -> None:
        """Fold what lies before the newest block, for this bucket and those to come in the block."""
        keys, newest, block = self.needs.keys(length), self._first(bucket), self.needs.block
        starts = range(bucket - length + 1, newest + block - length + 1)
        for tail, own in groupby(starts, key=self._first):
            middle = self._whole(tail + block, newest, keys)
            for start, rest in (
                self._rests(tail, list(own), keys) if tail < newest else ((tail, PartialWindows.nothing(keys)),)
            ):
                behind = rest.followed_by(middle) if middle else rest
                self.shelf.put(f"{BEHIND}-{length}-{start + length - 1}", behind.table())

    def _whole(self, begin: int, end: int, keys: Collection[Key]) -> PartialWindows | None:
        """Fold the whole blocks from one bucket up to, but without, another."""
        folded = None
        for first in range(begin, end, self.needs.block):
            one = self._block(first + self.needs.block - 1).only(keys)
            folded = folded.followed_by(one) if folded else one
        return folded

    def _rests(self, tail: int, starts: list[int], keys: Collection[Key]) -> Iterator[tuple[int, PartialWindows]]:
        """Fold the rest of a block from each of some buckets on."""
        last = tail + self.needs.block - 1
        if starts[0] == tail:
            yield tail, self._block(last).only(keys)
        partial = [start for start in starts if start > tail]
        if not partial:
            return
        *older, rest = self._read(partial[0], last, keys)
        for start in range(last, partial[0] - 1, -1):
            rest = rest if start == last else older.pop().followed_by(rest)
            if start in partial:
                yield start, rest

    def _read(self, first: int, last: int, keys: Collection[Key] | None = None) -> Iterator[PartialWindows]:
        """Read buckets from the view, the oldest first."""
        grid, wanted = Grid(first, last - first + 1, self.needs.width), list(keys or self.needs.lengths)
        table = self.view.buckets(columns_of(wanted), grid.start, grid.start + (grid.count - 1) * grid.width)
        return each(table, grid, wanted)

    def _buckets_of(self, name: str) -> tuple[int, int]:
        """Tell from which bucket to which a table on the shelf was folded."""
        kind, *numbers = name.split("-")
        *length, at = map(int, numbers)
        return (self._first(at), at) if kind == HEAD else (at - length[0] + 1, self._first(at) - 1)

    def _is_needed(self, name: str) -> bool:
        """Say whether this view or a later one can make use of a table."""
        kind, *numbers = name.split("-")
        at, now = int(numbers[-1]), self.now
        if kind == BEHIND:
            return at >= now and self._first(at) == self._first(now)
        is_whole = at % self.needs.block == 0 and at > now - max(self.needs.windows) - self.needs.block
        return is_whole or at > now - RECENT
