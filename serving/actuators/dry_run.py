"""Touches no node: writes down, a line of JSON an order, what would have been done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from data.disk.disk_full import naming_full_disk
from data.disk.lock import writing
from serving.actuators.base import Order

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class DryRun:
    """Orders as lines of a file; a line that a crash cut short counts as never written."""

    file: Path

    def drain(self, order: Order) -> bool:
        """Write an order down, unless it is there."""
        with naming_full_disk(self.file), writing(self.file.with_suffix(".lock"), PATIENCE):
            if any(_key(known) == _key(order) for known in self.orders()):
                return False
            with self.file.open("ab+") as lines:
                lines.write(_line_break(lines.tell(), self.file) + _line(order))
        return True

    def orders(self) -> tuple[Order, ...]:
        """Give the orders that were written down, the first one first."""
        if not self.file.exists():
            return ()
        return tuple(order for line in self.file.read_bytes().splitlines() if (order := _order(line)))


def _key(order: Order) -> tuple[str, datetime]:
    return order.node, order.decided_at


def _line(order: Order) -> bytes:
    told = {
        "decided_at": order.decided_at.astimezone(UTC).isoformat(),
        "would": "drain",
        "node": order.node,
        "reason": order.reason,
    }
    return json.dumps(told).encode() + b"\n"


def _line_break(size: int, file: Path) -> bytes:
    """End a line that was cut short."""
    return b"" if size == 0 or file.read_bytes().endswith(b"\n") else b"\n"


def _order(line: bytes) -> Order | None:
    try:
        told = json.loads(line)
        return Order(told["node"], datetime.fromisoformat(told["decided_at"]), told["reason"])
    except (ValueError, KeyError, TypeError):
        return None
