"""Times what training does around LightGBM's own `train`, on M100: `python -m tests.benchmarks.bench_train`.

Trains as `nodeward train` would at the end of June 2021, from buckets in memory; `lightgbm.train` is timed inside.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb

from models.training import train
from pipelines.settings import load
from pipelines.setup import setup
from tests.benchmarks.tables import HEADER, table
from tests.features.fleets import real

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS: Final = Path("examples/m100.toml")
SPLIT: Final = datetime(2021, 7, 1, tzinfo=UTC)


@contextmanager
def timed() -> Iterator[list[float]]:
    """Note how long each call of LightGBM's train takes in the block."""
    own, took = lgb.train, list[float]()

    def timing(*args: Any, **options: Any) -> lgb.Booster:  # noqa: ANN401  - passed on as they are
        began = time.perf_counter()
        booster = own(*args, **options)
        took.append(time.perf_counter() - began)
        return booster

    lgb.train = timing
    try:
        yield took
    finally:
        lgb.train = own


def rows() -> list[tuple[str, str, str]]:
    """Measure, and name the target."""
    fleet = real("m100")
    settings, view = load(SETTINGS, ()), fleet.view(SPLIT)
    told = setup(settings, [metric.name for metric in fleet.metrics])
    with timed() as took:
        began = time.perf_counter()
        train(view, told)
        whole = time.perf_counter() - began
    inside = sum(took)
    return [
        ("LightGBM's own train", f"{inside:.1f} s", ""),
        ("everything around it", f"{whole - inside:.1f} s", ""),
        ("around it over LightGBM's own", f"{(whole - inside) / inside:.2f} times", "< 1 times"),
    ]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(HEADER, rows()))


if __name__ == "__main__":
    main()
