from __future__ import annotations

import json
import resource
import signal
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from data.errors import DiskFullError
from serving.actuators.base import DrainOrder
from serving.actuators.dry_run import DryRun
from tests.serving.made_up import HOUR, NOW

if TYPE_CHECKING:
    from pathlib import Path

ORDER = DrainOrder("n1", NOW, 'hot; "very" hot\nünd')


@pytest.fixture
def dry_run(tmp_path: Path) -> DryRun:
    return DryRun(tmp_path / "dry_run.jsonl")


def test_nothing_is_written_before_the_first_order(dry_run: DryRun) -> None:
    assert dry_run.orders() == ()
    assert not dry_run.file.exists()


def test_an_order_is_a_line_that_people_and_programs_can_read(dry_run: DryRun) -> None:
    dry_run.drain(ORDER)
    assert [json.loads(line) for line in dry_run.file.read_text().splitlines()] == [
        {"decided_at": "2024-06-01T00:00:00+00:00", "would": "drain", "node": "n1", "reason": ORDER.reason}
    ]
    assert dry_run.orders() == (ORDER,)


def test_another_process_finds_the_recorded_orders(dry_run: DryRun) -> None:
    dry_run.drain(ORDER)
    assert not DryRun(dry_run.file).drain(ORDER)


def test_a_line_that_a_crash_cut_short_is_written_again(dry_run: DryRun) -> None:
    dry_run.drain(ORDER)
    dry_run.drain(replace(ORDER, node="n2"))
    dry_run.file.write_bytes(dry_run.file.read_bytes()[:-20])
    assert dry_run.drain(replace(ORDER, node="n2"))
    assert [order.node for order in dry_run.orders()] == ["n1", "n2"]


@pytest.mark.parametrize("line", [b"\xff\xfe", b"null", b"{}", b'{"node": "n1", "decided_at": 3, "reason": ""}', b""])
def test_lines_that_are_no_orders_are_skipped(dry_run: DryRun, line: bytes) -> None:
    dry_run.file.write_bytes(line + b"\n")
    assert dry_run.orders() == ()
    assert dry_run.drain(ORDER)
    assert dry_run.orders() == (ORDER,)


def test_concurrent_orders_are_each_written_once(dry_run: DryRun) -> None:
    orders = [replace(ORDER, decided_at=NOW + (number % 5) * HOUR) for number in range(20)]
    threads = [threading.Thread(target=dry_run.drain, args=[order]) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(order.decided_at for order in dry_run.orders()) == [NOW + hour * HOUR for hour in range(5)]


def test_a_full_disk_is_named(dry_run: DryRun) -> None:
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))
        with pytest.raises(DiskFullError, match=r"dry_run\.jsonl"):
            dry_run.drain(ORDER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert dry_run.drain(ORDER)
    assert dry_run.orders() == (ORDER,)
