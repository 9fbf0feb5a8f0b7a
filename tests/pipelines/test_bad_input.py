"""Bad records through the command line: one clear message, the right exit code, and no partial output."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.main import main
from tests.pipelines.operations.test_ingest import run
from tests.pipelines.records import START, write_folder

Fault = Callable[[Path], object]
BACKTEST = ("backtest", "--test-start", "2024-02-10", "--test-end", "2024-03-10", "--json", "out.json")
QUICK = ("--set", "forecast.horizons=['7d']", "--set", "model.trees=2")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("valid")
    write_folder(folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with its own settings and records, which a test may corrupt."""
    (tmp_path / "records").mkdir()
    for file in (written / "records").iterdir():
        (tmp_path / "records" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "nodeward.toml").write_text((written / "nodeward.toml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def file(records: Path, table: str) -> Path:
    return records / f"{table}.parquet"


def rewrite(table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Fault:
    def corrupt(records: Path) -> None:
        change(pl.read_parquet(file(records, table))).write_parquet(file(records, table))

    return corrupt


def truncate(records: Path) -> None:
    whole = file(records, "telemetry").read_bytes()
    file(records, "telemetry").write_bytes(whole[: len(whole) // 2])


def name_ambiguously(records: Path) -> None:
    """Give two nodes names with the same short form, which telemetry uses."""
    same_name = pl.col("node").replace({"n00": "n01.a.example.org", "n01": "n01.b.example.org"})
    rewrite("nodes", lambda table: table.with_columns(same_name))(records)
    rewrite("events", lambda table: table.with_columns(same_name))(records)


REFUSED: dict[str, tuple[Fault, str]] = {
    "a missing file": (lambda records: file(records, "events").unlink(), "events.parquet"),
    "an unreadable file": (lambda records: file(records, "nodes").write_text("no parquet"), "nodes.parquet"),
    "a truncated file": (truncate, "telemetry.parquet"),
    "a missing column": (rewrite("events", lambda table: table.drop("kind")), "no column kind; it has"),
    "a wrong column": (
        rewrite("telemetry", lambda table: table.with_columns(pl.lit("hot").alias("temperature"))),
        "column temperature holds String",
    ),
    "an empty table": (rewrite("telemetry", pl.DataFrame.clear), "telemetry.parquet: holds no row"),
    "no failure at all": (
        rewrite("events", lambda table: table.filter(pl.col("kind") == "maintenance")),
        "hold no failure (kind = 'failure') known by 2024-02-10",
    ),
    "telemetry under names that the inventory lacks": (
        rewrite(
            "telemetry",
            lambda table: table.with_columns(node=pl.concat_str(pl.lit("compute-"), pl.col("node").str.slice(1))),
        ),
        "are not in the inventory, and their records would be lost: 'compute-00'",
    ),
    "a name that could be two nodes": (
        name_ambiguously,
        "node 'n01' could be 'n01.a.example.org' or 'n01.b.example.org'",
    ),
    "every clock in the future": (
        rewrite("telemetry", lambda table: table.with_columns(pl.col("ts") + timedelta(days=36_500))),
        "not one of its 3150 rows can be used; 3150 of them: a row lies in the future",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unusable_records_are_named_and_leave_nothing_behind(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    corrupt, why = REFUSED[name]
    corrupt(folder / "records")
    assert main([*BACKTEST, *QUICK]) == 3
    err = capsys.readouterr().err
    assert why in " ".join(err.split())
    assert err.count("error: ") == err.count("→") == 1
    assert "Traceback" not in err
    assert not (folder / "out.json").exists()
    assert list((folder / "var").iterdir()) == []


ACCEPTED: dict[str, Fault] = {
    "a metric without a value": rewrite(
        "telemetry", lambda table: table.with_columns(pl.lit(float("nan")).alias("temperature"))
    ),
    "duplicate rows": rewrite("telemetry", lambda table: pl.concat([table, table.head(500)])),
    "infinities": rewrite(
        "telemetry",
        lambda table: table.with_columns(
            pl.when(pl.int_range(pl.len()) % 50 == 0).then(float("inf")).otherwise("temperature").alias("temperature")
        ),
    ),
    "a clock in the future": rewrite(
        "telemetry",
        lambda table: pl.concat(
            [table, table.head(20).with_columns(pl.lit(START + timedelta(days=36_500)).alias("ts"))]
        ),
    ),
    "values that no sensor can measure": rewrite(
        "telemetry",
        lambda table: table.with_columns(
            pl.when(pl.int_range(pl.len()) % 50 == 0).then(-300.0).otherwise("temperature").alias("temperature")
        ),
    ),
    "other spellings of the nodes": rewrite(
        "telemetry", lambda table: table.with_columns(pl.col("node").str.to_uppercase() + ".example.org:9100")
    ),
    "telemetry of unknown nodes": rewrite(
        "telemetry", lambda table: pl.concat([table, table.head(20).with_columns(pl.lit("ghost").alias("node"))])
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_forecast_is_made_without_the_rows_that_can_not_be_used(folder: Path, name: str) -> None:
    ACCEPTED[name](folder / "records")
    assert main([*BACKTEST, *QUICK]) == 0
    assert json.loads((folder / "out.json").read_text())["test"]["failures"] > 0


def test_a_fleet_of_one_node_can_be_evaluated(folder: Path) -> None:
    for table in ("nodes", "events", "telemetry"):
        rewrite(table, lambda rows: rows.filter(pl.col("node") == "n00"))(folder / "records")
    assert main([*BACKTEST, *QUICK]) == 0
    assert json.loads((folder / "out.json").read_text())["test"]["nodes"] == 1


# Run with -B: under the limit, Python would write truncated bytecode that other tests then read.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))
from pipelines.main import main
sys.exit(main({arguments!r}))
"""


def test_a_full_disk_ends_a_backtest_with_4_and_without_results(folder: Path) -> None:
    process = run(folder, "-B", "-c", LIMITED.format(bytes=20_000, arguments=[*BACKTEST, *QUICK]))
    assert process.returncode == 4, process.stderr
    assert "free some space" in process.stderr
    assert not (folder / "out.json").exists()


def test_a_disk_that_fills_up_during_training_is_4_and_registers_nothing(folder: Path) -> None:
    now = ["--set", "clock.now=data"]
    assert run(folder, "-B", "-c", LIMITED.format(bytes=1 << 30, arguments=["ingest"])).returncode == 0
    full = run(folder, "-B", "-c", LIMITED.format(bytes=300 * 1024, arguments=["train", *now]))
    assert full.returncode == 4, full.stderr
    assert "error: " in full.stderr
    retried = run(folder, "-B", "-c", LIMITED.format(bytes=1 << 30, arguments=["train", *now, "--json", "train.json"]))
    assert retried.returncode == 0, retried.stderr
    assert json.loads((folder / "train.json").read_text())["version"] == "1"


def test_a_server_that_is_not_prefects_is_named(folder: Path) -> None:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>a page</html>")

        do_POST = do_GET  # noqa: N815  - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/api"
        process = run(folder, "-m", "pipelines.main", "ingest", PREFECT_API_URL=address)
        server.shutdown()
    assert process.returncode == 4, process.stderr
    assert "PREFECT_API_URL" in process.stderr
    assert "Traceback" not in process.stderr
