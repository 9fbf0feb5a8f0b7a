"""Writes a simulated fleet as the folder of Parquet files that any other source's records would come in."""

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
    """Write events, nodes, jobs, blind and telemetry, and give each table's number of rows.

    Telemetry is ordered by month, node and time, so that who reads it meets each month once. It is made node by
    node, laid down in a file for each month, and joined: memory does not grow with the fleet.

    Raises:
        DiskFullError: if the disk is full.
    """
    with translate_disk_full(folder), TemporaryDirectory(dir=folder, prefix=".months-") as months:
        counts, done = dict.fromkeys(SMALL, 0), 0
        with ExitStack() as stack:
            small, parts = _Files(folder, stack), _Files(Path(months), stack)
            for block in simulate(plan, block_nodes):
                _append(block, small, parts)
                counts = {name: count + getattr(block, name).height for name, count in counts.items()}
                done += block.nodes.height
                progress(done)
        blind = records.blind(plan, draw_site(plan))
        parquet.write_table(blind.to_arrow().replace_schema_metadata(ORIGIN), folder / "blind.parquet")
        return {**counts, "blind": blind.height, "telemetry": _join(Path(months), folder / TELEMETRY)}


def _append(block: NodeBlock, small: _Files, parts: _Files) -> None:
    for name in SMALL:
        small.append(f"{name}.parquet", getattr(block, name))
    month = block.telemetry[TS].dt.strftime(MONTH_FORMAT).alias("month")
    for (name,), rows in block.telemetry.with_columns(month).partition_by("month", as_dict=True).items():
        parts.append(f"{name}.parquet", rows.drop("month"))


def _join(months: Path, target: Path) -> int:
    """Join the months' files in the order of time, in row groups of one size, and remove them."""
    count = 0
    with ExitStack() as stack:
        whole = _Files(target.parent, stack)
        for part in sorted(months.iterdir()):
            with parquet.ParquetFile(part, pre_buffer=False) as file:
                for batch in file.iter_batches(GROUP_ROWS):
                    whole.append(target.name, pl.DataFrame(batch))
                    count += batch.num_rows
            part.unlink()
    return count


class _Files:
    """Parquet files that grow block by block; each is opened when its first rows come."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._writers: dict[str, parquet.ParquetWriter] = {}

    def append(self, name: str, rows: pl.DataFrame) -> None:
        table = rows.to_arrow().replace_schema_metadata(ORIGIN)
        if name not in self._writers:
            writer = parquet.ParquetWriter(self._folder / name, table.schema, compression="zstd")
            self._writers[name] = self._stack.enter_context(writer)
        self._writers[name].write_table(table)
