"""Runs independent fits side by side, so that cores are busy and no fit's threads wait for each other."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Result = TypeVar("Result")


def side_by_side(jobs: Sequence[Callable[[int], Result]]) -> list[Result]:
    """Run jobs at once, as many as there are cores, and give their results in order.

    Each job is told how many threads it may use. LightGBM lets go of the interpreter as it trains, and its
    trees are the same whatever the number of threads.
    """
    cores = os.cpu_count() or 1
    workers = max(min(len(jobs), cores), 1)
    threads = max(cores // workers, 1)
    with ThreadPoolExecutor(workers) as pool:
        return [running.result() for running in [pool.submit(job, threads) for job in jobs]]
