"""Writes a simulated fleet as a folder of Parquet files, like the records of any other source."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import polars as pl
from pyarrow import parquet

from data.disk.disk_full import translate_disk_full
from data.schema import TS
from data.simulator.fleet import simulate
from data.simulator.history import records
from data.simulator.history.site_events import draw_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.simulator.fleet import NodeBlock
    from data.simulator.history.plan import SimulationPlan

TELEMETRY: Final = "telemetry.parquet"
SMALL: Final = ("events", "nodes", "jobs")
GROUP_ROWS: Final = 1 << 17
ORIGIN: Final = {"origin": "simulated"}
MONTH_FORMAT: Final = "%Y-%m"


def write_fleet(
    plan: SimulationPlan, folder: Path, block_nodes: int | None = None, progress: Callable[[int], None] = lambda _: None
) -> dict[str, int]:
    """Write events, nodes, jobs, blind and telemetry; return the number of rows of each table.

    Telemetry is sorted by month, node and time, so that a reader needs each month only once. It is simulated node by
    node, written to a file for each month, and joined, so that memory does not grow with the fleet.

    Raises:
        DiskFullError: if the disk is full.
    """
    with translate_disk_full(folder), TemporaryDirectory(dir=folder, prefix=".months-") as months:
        counts, done = dict.fromkeys(SMALL, 0), 0
        with ExitStack() as stack:
            small, by_month = _Files(folder, stack), _Files(Path(months), stack)
            for block in simulate(plan, block_nodes):
                _append(block, small, by_month)
                counts = {name: count + getattr(block, name).height for name, count in counts.items()}
                done += block.nodes.height
                progress(done)
        blind = records.blind(plan, draw_site(plan))
        parquet.write_table(blind.to_arrow().replace_schema_metadata(ORIGIN), folder / "blind.parquet")
        return {**counts, "blind": blind.height, "telemetry": _join(Path(months), folder / TELEMETRY)}


def _append(block: NodeBlock, small: _Files, by_month: _Files) -> None:
    for name in SMALL:
        small.append(f"{name}.parquet", getattr(block, name))
    month = block.telemetry[TS].dt.strftime(MONTH_FORMAT).alias("month")
    for (name,), rows in block.telemetry.with_columns(month).partition_by("month", as_dict=True).items():
        by_month.append(f"{name}.parquet", rows.drop("month"))


def _join(months: Path, target: Path) -> int:
    """Join the files of the months in the order of time, in row groups of one size, and remove them."""
    count = 0
    with ExitStack() as stack:
        joined = _Files(target.parent, stack)
        for path in sorted(months.iterdir()):
            with parquet.ParquetFile(path, pre_buffer=False) as file:
                for batch in file.iter_batches(GROUP_ROWS):
                    joined.append(target.name, pl.DataFrame(batch))
                    count += batch.num_rows
            path.unlink()
    return count


class _Files:
    """Parquet files that grow block by block; each is opened when its first rows are written."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._writers: dict[str, parquet.ParquetWriter] = {}

    def append(self, name: str, rows: pl.DataFrame) -> None:
        table = rows.to_arrow().replace_schema_metadata(ORIGIN)
        if name not in self._writers:
            writer = parquet.ParquetWriter(self._folder / name, table.schema, compression="zstd")
            self._writers[name] = self._stack.enter_context(writer)
        self._writers[name].write_table(table)
