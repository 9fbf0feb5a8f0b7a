"""Lets a score go on from where the one before it stopped, or start anew where that does not fit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from data.disk.cache import CacheOrigin, TableCache
from data.disk.lock import exclusive_lock
from features.telemetry.sliding_windows import Needs, SlidingWindows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from data.delta.store import Store
    from data.view import View
    from pipelines.wiring.model_features import ModelFeatures

LOCK: Final = "lock"
PATIENCE: Final = timedelta(minutes=5)  # for another score of the same state


@dataclass(frozen=True, slots=True)
class Resumed:
    """What earlier scores left of the windows, and why it had to be thrown away; None: nothing is kept."""

    shelf: TableCache | None
    why_anew: str = ""

    @property
    def notices(self) -> tuple[str, ...]:
        """Say what had to be made anew, as far as it is known by now."""
        if self.why_anew:
            return (f"the windows were made anew from all of their buckets: {self.why_anew}",)
        if self.shelf is None or not self.shelf.damaged:
            return ()
        return (f"{self.shelf.folder}: files gone or damaged, and made anew: {self.shelf.damaged}",)


@contextmanager
def resumed(folder: Path, store: Store, view: View, offered: ModelFeatures) -> Iterator[Resumed]:
    """Open what earlier scores left in a folder, less what holds no more; keep what is there when the block ends well.

    A view of an earlier time than theirs goes by the buckets alone, and changes nothing.
    """
    needs, table = Needs.of(offered.catalogue, view.width), store.buckets.finished_table()
    opened = table.handle()
    if not needs.lengths or opened is None:
        yield Resumed(None)
        return
    text = f"{opened.metadata().id} {offered.lost} {needs.stamp}"
    with exclusive_lock(folder / LOCK, PATIENCE):
        kept, mark = TableCache.open(folder), CacheOrigin(sha256(text.encode()).hexdigest(), table.version(), view.at)
        if kept.mark and view.at < kept.mark.at:
            yield Resumed(None)
            return
        why = _take_up(kept, mark, SlidingWindows(needs, view, kept), store)
        if why:
            kept.clear()
        yield Resumed(kept, why)
        kept.commit(mark)


def _take_up(kept: TableCache, mark: CacheOrigin, stacks: SlidingWindows, store: Store) -> str:
    """Drop what holds no more; say why if that is everything."""
    before = kept.mark
    if before is None:
        return kept.fault
    if before.stamp != mark.stamp:
        return "the model, the windows, the metrics or the bucket table are others than those it was kept for"
    spans = store.buckets.touched(before.version, before.at, mark.at)
    if spans is None:
        return "buckets were deleted or made anew since"
    stacks.forget(spans)
    return ""
