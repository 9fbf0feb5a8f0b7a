"""Lets a score reuse the windows that the score before it computed, or recompute them where they no longer fit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from data.disk.cache import Mark, Snapshot
from data.disk.lock import writing
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
class ResumedWindows:
    """The windows that earlier scores stored, and why they were all dropped; without a snapshot none are used."""

    snapshot: Snapshot | None
    rebuild_reason: str = ""

    @property
    def notices(self) -> tuple[str, ...]:
        """Report what had to be recomputed, as far as the score has read the snapshot."""
        if self.rebuild_reason:
            return (f"the windows were recomputed from all of their buckets: {self.rebuild_reason}",)
        if self.snapshot is None or not self.snapshot.spoilt:
            return ()
        return (f"{self.snapshot.folder}: files missing or damaged, and recomputed: {self.snapshot.spoilt}",)


@contextmanager
def resume_windows(folder: Path, store: Store, view: View, features: ModelFeatures) -> Iterator[ResumedWindows]:
    """Open the windows that earlier scores stored in a folder, less outdated ones; commit them if the block succeeds.

    A view of an earlier time than theirs is scored from the buckets alone and changes nothing.
    """
    needs, table = Needs.of(features.catalogue, view.width), store.buckets.finished()
    opened = table.handle()
    if not needs.lengths or opened is None:
        yield ResumedWindows(None)
        return
    text = f"{opened.metadata().id} {features.missing} {needs.stamp}"
    with writing(folder / LOCK, PATIENCE):
        snapshot = Snapshot.at(folder)
        mark = Mark(sha256(text.encode()).hexdigest(), table.version(), view.at)
        if snapshot.mark and view.at < snapshot.mark.at:
            yield ResumedWindows(None)
            return
        reason = _drop_outdated(snapshot, mark, SlidingWindows(needs, view, snapshot), store)
        if reason:
            snapshot.clear()
        yield ResumedWindows(snapshot, reason)
        snapshot.commit(mark)


def _drop_outdated(snapshot: Snapshot, mark: Mark, windows: SlidingWindows, store: Store) -> str:
    """Drop the windows whose buckets have changed; return why if everything has to be dropped."""
    last = snapshot.mark
    if last is None:
        return snapshot.fault
    if last.stamp != mark.stamp:
        return "the model, the windows, the metrics or the bucket table have changed"
    spans = store.buckets.touched(last.version, last.at, mark.at)
    if spans is None:
        return "buckets were deleted or recomputed since"
    windows.forget(spans)
    return ""
