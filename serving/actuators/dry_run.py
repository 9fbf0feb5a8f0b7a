"""An actuator that touches no node: it records what it would have done, one line of JSON an order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from data.disk.disk_full import translate_disk_full
from data.disk.lock import exclusive_lock
from serving.actuators.base import DrainOrder

if TYPE_CHECKING:
    from pathlib import Path

LOCK_TIMEOUT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class DryRun:
    """Records orders as lines of a file; a line that a crash cut short counts as not written."""

    file: Path

    def drain(self, order: DrainOrder) -> bool:
        """Record an order; return False if it is recorded already."""
        with translate_disk_full(self.file), exclusive_lock(self.file.with_suffix(".lock"), LOCK_TIMEOUT):
            if any(_key(recorded) == _key(order) for recorded in self.orders()):
                return False
            with self.file.open("ab+") as file:
                file.write(_missing_line_end(file.tell(), self.file) + _to_line(order))
        return True

    def orders(self) -> tuple[DrainOrder, ...]:
        """Return the recorded orders, the first one first."""
        if not self.file.exists():
            return ()
        return tuple(order for line in self.file.read_bytes().splitlines() if (order := _from_line(line)))


def _key(order: DrainOrder) -> tuple[str, datetime]:
    return order.node, order.decided_at


def _to_line(order: DrainOrder) -> bytes:
    entry = {
        "decided_at": order.decided_at.astimezone(UTC).isoformat(),
        "would": "drain",
        "node": order.node,
        "reason": order.reason,
    }
    return json.dumps(entry).encode() + b"\n"


def _missing_line_end(size: int, file: Path) -> bytes:
    """Return a line end if the last line was cut short, else nothing."""
    return b"" if size == 0 or file.read_bytes().endswith(b"\n") else b"\n"


def _from_line(line: bytes) -> DrainOrder | None:
    """Return the order on a line, or None if there is none that can be read."""
    try:
        entry = json.loads(line)
        return DrainOrder(entry["node"], datetime.fromisoformat(entry["decided_at"]), entry["reason"])
    except (ValueError, KeyError, TypeError):
        return None
