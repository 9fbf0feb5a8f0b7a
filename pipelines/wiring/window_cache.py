"""Lets a score reuse the windows that the score before it computed, or recompute them where they no longer fit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from data.disk.cache import CacheOrigin, TableCache
from data.disk.lock import exclusive_lock
from features.telemetry.sliding_windows import SlidingWindows, WindowNeeds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from data.delta.store import Store
    from data.view import View
    from pipelines.wiring.model_features import ModelFeatures

LOCK: Final = "lock"
PATIENCE: Final = timedelta(minutes=5)  # for another score of the same state


@dataclass(frozen=True, slots=True)
class ResumedWindows:
    """The windows that earlier scores stored, and why they were all dropped; without a cache none are used."""

    cache: TableCache | None
    rebuild_reason: str = ""

    @property
    def notices(self) -> tuple[str, ...]:
        """Report what had to be recomputed, as far as the score has read the cache."""
        if self.rebuild_reason:
            return (f"the windows were recomputed from all of their buckets: {self.rebuild_reason}",)
        if self.cache is None or not self.cache.damaged:
            return ()
        return (f"{self.cache.folder}: files missing or damaged, and recomputed: {self.cache.damaged}",)


@contextmanager
def resume_windows(folder: Path, store: Store, view: View, features: ModelFeatures) -> Iterator[ResumedWindows]:
    """Open the windows that earlier scores stored in a folder, less outdated ones; commit them if the block succeeds.

    A view of an earlier time than theirs is scored from the buckets alone and changes nothing.
    """
    needs, table = WindowNeeds.of(features.catalogue, view.width), store.buckets.finished_table()
    opened = table.open()
    if not needs.lengths or opened is None:
        yield ResumedWindows(None)
        return
    text = f"{opened.metadata().id} {features.missing} {needs.stamp}"
    with exclusive_lock(folder / LOCK, PATIENCE):
        cache = TableCache.open(folder)
        origin = CacheOrigin(sha256(text.encode()).hexdigest(), table.version(), view.at)
        if cache.origin and view.at < cache.origin.at:
            yield ResumedWindows(None)
            return
        reason = _drop_outdated(cache, origin, SlidingWindows(needs, view, cache), store)
        if reason:
            cache.clear()
        yield ResumedWindows(cache, reason)
        cache.commit(origin)


def _drop_outdated(cache: TableCache, origin: CacheOrigin, windows: SlidingWindows, store: Store) -> str:
    """Drop the windows whose buckets have changed; return why if everything has to be dropped."""
    last = cache.origin
    if last is None:
        return cache.fault
    if last.stamp != origin.stamp:
        return "the model, the windows, the metrics or the bucket table have changed"
    spans = store.buckets.changed_spans(last.version, last.at, origin.at)
    if spans is None:
        return "buckets were deleted or recomputed since"
    windows.forget(spans)
    return ""
