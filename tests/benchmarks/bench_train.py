"""Times what training does in addition to LightGBM's `train`, on M100: `python -m tests.benchmarks.bench_train`.

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
def timed(owner: Any, name: str) -> Iterator[list[float]]:  # noqa: ANN401  - LightGBM's module, or one of its classes
    """Collect the seconds of each call of one of LightGBM's functions in the block."""
    function, seconds = getattr(owner, name), list[float]()

    def timed_function(*args: Any, **options: Any) -> Any:  # noqa: ANN401  - passed on as they are
        began = time.perf_counter()
        result = function(*args, **options)
        seconds.append(time.perf_counter() - began)
        return result

    setattr(owner, name, timed_function)
    try:
        yield seconds
    finally:
        setattr(owner, name, function)


def rows() -> list[tuple[str, str, str]]:
    """Measure, next to the target."""
    fleet = real("m100")
    settings, view = load(SETTINGS, ()), fleet.view(SPLIT)
    setup = training_setup(settings, [metric.name for metric in fleet.metrics])
    with timed(lgb, "train") as fit_seconds, timed(lgb.Dataset, "construct") as binning_seconds:
        began = time.perf_counter()
        train(view, setup)
        whole = time.perf_counter() - began
    fitting, binning = sum(fit_seconds), sum(binning_seconds)
    rest = whole - fitting - binning
    return [
        ("LightGBM's train, LightGBM's binning", f"{fitting:.1f} s, {binning:.1f} s", ""),
        ("everything else", f"{rest:.1f} s", ""),
        ("everything else, over train with its binning", f"{rest / (fitting + binning):.2f} times", "< 1 times"),
        ("everything else with the binning, over train alone", f"{(rest + binning) / fitting:.2f} times", ""),
    ]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(HEADER, rows()))


if __name__ == "__main__":
    main()
