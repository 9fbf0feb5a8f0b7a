"""Overlapping exports of a real fleet, in any order and twice, give the same tables row for row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.delta.store import Store
from data.ingest.ingest import ingest
from data.schema import BUCKET_KEYS
from data.sources.parquet_folder import ParquetSource
from data.sql.records import Records
from tests.data.made_up import DAY
from tests.data.real import M100

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RACKS = ["rack-05", "rack-11", "rack-30"]
SPANS = {
    "spring": (datetime(2021, 3, 1, tzinfo=UTC), datetime(2021, 5, 10, tzinfo=UTC)),
    "may": (datetime(2021, 4, 25, tzinfo=UTC), datetime(2021, 6, 15, tzinfo=UTC)),
    "summer": (datetime(2021, 6, 1, tzinfo=UTC), datetime(2021, 7, 15, tzinfo=UTC)),
}
WHOLE = (SPANS["spring"][0], SPANS["summer"][1])


def export(folder: Path, span: tuple[datetime, datetime]) -> ParquetSource:
    """Write the export of three racks that would be made at the end of a span; later ends of events are unknown."""
    start, end = span
    nodes = pl.read_parquet(M100 / "nodes.parquet").filter(pl.col("rack").is_in(RACKS))
    is_in_racks = pl.col("node").is_in(nodes["node"].implode())
    telemetry = pl.read_parquet(M100 / "telemetry.parquet").filter(is_in_racks & pl.col("ts").is_between(start, end))
    was_recorded = pl.col("recorded_at").is_between(start - 30 * DAY, end)
    is_known = pl.col("end_recorded_at") <= end
    events = pl.read_parquet(M100 / "events.parquet").filter(is_in_racks & was_recorded)
    events = events.with_columns(pl.when(is_known).then(name).alias(name) for name in ("end", "end_recorded_at"))
    blind = pl.read_parquet(M100 / "blind.parquet").filter(pl.col("recorded_at") <= end)
    folder.mkdir()
    tables = {"nodes": nodes, "telemetry": telemetry, "events": events, "blind": blind}
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")
    return ParquetSource(folder, {}, timedelta(0), label="m100")


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ParquetSource]:
    root = tmp_path_factory.mktemp("exports")
    return {name: export(root / name, span) for name, span in {**SPANS, "whole": WHOLE}.items()}


@pytest.fixture(scope="module")
def ingested_once(
    tmp_path_factory: pytest.TempPathFactory, exports: dict[str, ParquetSource]
) -> dict[str, pl.DataFrame]:
    return state_after(tmp_path_factory.mktemp("once"), [exports["whole"]])


def state_after(root: Path, sources: Sequence[ParquetSource]) -> dict[str, pl.DataFrame]:
    """Ingest sources one after the other and return every table, sorted by its key."""
    store, records = Store.open(root, DAY), Records.open(f"sqlite:///{root / 'nodeward.db'}")
    for source in sources:
        ingest(source, store, records, lambda: datetime(2022, 1, 1, tzinfo=UTC))
    tables = {
        "telemetry": store.telemetry.read().sort("node", "ts"),
        "buckets": store.buckets.read().sort(*BUCKET_KEYS),
        "events": records.events(),
        "nodes": records.nodes(),
        "blind": records.blind(),
    }
    records.close()
    return tables


@pytest.mark.parametrize(
    "order",
    [["whole", "whole"], ["spring", "may", "summer"], ["summer", "spring", "may"], ["may", "whole", "spring", "may"],
     ["summer", "may", "spring", "summer"]],
    ids="-".join,
)  # fmt: skip
def test_exports_in_any_order_give_the_same_tables(
    tmp_path: Path, exports: dict[str, ParquetSource], ingested_once: dict[str, pl.DataFrame], order: list[str]
) -> None:
    tables = state_after(tmp_path, [exports[name] for name in order])
    assert ingested_once["telemetry"].height > 5000
    assert ingested_once["events"].height > 50
    for name, table in ingested_once.items():
        assert_frame_equal(tables[name], table, check_exact=True)


def test_a_second_ingest_makes_no_commit(tmp_path: Path, exports: dict[str, ParquetSource]) -> None:
    state_after(tmp_path, [exports["whole"]])
    versions = Store.open(tmp_path, DAY).versions()
    state_after(tmp_path, [exports["whole"]])
    assert Store.open(tmp_path, DAY).versions() == versions


def test_a_float32_metric_is_stored_bit_for_bit(
    exports: dict[str, ParquetSource], ingested_once: dict[str, pl.DataFrame]
) -> None:
    original = pl.read_parquet(exports["whole"].path / "telemetry.parquet").sort("node", "ts")
    assert_frame_equal(ingested_once["telemetry"].select(original.columns), original, check_exact=True)
