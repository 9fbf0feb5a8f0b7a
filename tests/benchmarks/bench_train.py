"""Times what training does around LightGBM's own `train`, on M100: `python -m tests.benchmarks.bench_train`.

Trains as `nodeward train` would at the end of June 2021, from buckets in memory; `lightgbm.train` is timed inside, and
so is `Dataset.construct`, LightGBM's own binning, which `lightgbm.train` does itself unless it was done before.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb

from models.hazard.train import train
from pipelines.settings.load import load
from pipelines.wiring.training_setup import training_setup
from tests.benchmarks.tables import HEADER, table
from tests.features.fleets import real

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS: Final = Path("examples/m100.toml")
SPLIT: Final = datetime(2021, 7, 1, tzinfo=UTC)


@contextmanager
def timed(owner: Any, name: str) -> Iterator[list[float]]:  # noqa: ANN401  - LightGBM's module, or a class of its
    """Note how long each call of a function of LightGBM's takes in the block."""
    own, took = getattr(owner, name), list[float]()

    def timing(*args: Any, **options: Any) -> Any:  # noqa: ANN401  - passed on as they are
        began = time.perf_counter()
        told = own(*args, **options)
        took.append(time.perf_counter() - began)
        return told

    setattr(owner, name, timing)
    try:
        yield took
    finally:
        setattr(owner, name, own)


def rows() -> list[tuple[str, str, str]]:
    """Measure, and name the target."""
    fleet = real("m100")
    settings, view = load(SETTINGS, ()), fleet.view(SPLIT)
    told = training_setup(settings, [metric.name for metric in fleet.metrics])
    with timed(lgb, "train") as took, timed(lgb.Dataset, "construct") as binned:
        began = time.perf_counter()
        train(view, told)
        whole = time.perf_counter() - began
    inside, binning = sum(took), sum(binned)
    around = whole - inside - binning
    return [
        ("LightGBM's train, LightGBM's binning", f"{inside:.1f} s, {binning:.1f} s", ""),
        ("everything around them", f"{around:.1f} s", ""),
        ("around them, over train with its binning", f"{around / (inside + binning):.2f} times", "< 1 times"),
        ("the binning counted as around, over train alone", f"{(around + binning) / inside:.2f} times", ""),
    ]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(HEADER, rows()))


if __name__ == "__main__":
    main()
