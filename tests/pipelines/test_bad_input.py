"""Bad records through the real command line: one clear message, the right exit code, nothing half-written."""

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

Spoil = Callable[[Path], object]
BACKTEST = ("backtest", "--test-start", "2024-02-10", "--test-end", "2024-03-10", "--json", "out.json")
QUICK = ("--set", "forecast.horizons_days=[7]", "--set", "model.trees=2")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    write_folder(folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with settings and records of its own, to be spoilt."""
    (tmp_path / "records").mkdir()
    for file in (written / "records").iterdir():
        (tmp_path / "records" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "nodeward.toml").write_text((written / "nodeward.toml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def file(records: Path, table: str) -> Path:
    return records / f"{table}.parquet"


def rewrite(table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Spoil:
    def spoil(records: Path) -> None:
        change(pl.read_parquet(file(records, table))).write_parquet(file(records, table))

    return spoil


def truncate(records: Path) -> None:
    whole = file(records, "telemetry").read_bytes()
    file(records, "telemetry").write_bytes(whole[: len(whole) // 2])


def name_ambiguously(records: Path) -> None:
    """List two nodes that fold to one name, which telemetry then speaks of."""
    twins = pl.col("node").replace({"n00": "n01.a.example.org", "n01": "n01.b.example.org"})
    rewrite("nodes", lambda table: table.with_columns(twins))(records)
    rewrite("events", lambda table: table.with_columns(twins))(records)


REFUSED: dict[str, tuple[Spoil, str]] = {
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
def test_what_can_not_be_used_is_named_and_leaves_nothing_behind(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, why = REFUSED[name]
    spoil(folder / "records")
    assert main([*BACKTEST, *QUICK]) == 3
    said = capsys.readouterr().err
    assert why in " ".join(said.split())
    assert said.count("error: ") == said.count("→") == 1
    assert "Traceback" not in said
    assert not (folder / "out.json").exists()
    assert list((folder / "var").iterdir()) == []


BORNE: dict[str, Spoil] = {
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
        "telemetry", lambda table: pl.concat([table, table.head(20).with_columns(pl.lit("nobody").alias("node"))])
    ),
}


@pytest.mark.parametrize("name", BORNE)
def test_a_forecast_bears_rows_that_can_not_be_used(folder: Path, name: str) -> None:
    BORNE[name](folder / "records")
    assert main([*BACKTEST, *QUICK]) == 0
    assert json.loads((folder / "out.json").read_text())["test"]["failures"] > 0


def test_one_node_alone_can_be_judged(folder: Path) -> None:
    for table in ("nodes", "events", "telemetry"):
        rewrite(table, lambda rows: rows.filter(pl.col("node") == "n00"))(folder / "records")
    assert main([*BACKTEST, *QUICK]) == 0
    assert json.loads((folder / "out.json").read_text())["test"]["nodes"] == 1


# Run with -B: under the limit, Python would leave truncated bytecode behind for everybody.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))
from pipelines.main import main
sys.exit(main({arguments!r}))
"""


def test_a_full_disk_ends_a_backtest_with_4_and_without_results(folder: Path) -> None:
    ended = run(folder, "-B", "-c", LIMITED.format(bytes=20_000, arguments=[*BACKTEST, *QUICK]))
    assert ended.returncode == 4, ended.stderr
    assert "free some space" in ended.stderr
    assert not (folder / "out.json").exists()


def test_a_disk_that_fills_up_during_training_is_4_and_registers_nothing(folder: Path) -> None:
    now = ["--set", "clock.now=data"]
    assert run(folder, "-B", "-c", LIMITED.format(bytes=1 << 30, arguments=["ingest"])).returncode == 0
    ended = run(folder, "-B", "-c", LIMITED.format(bytes=300 * 1024, arguments=["train", *now]))
    assert ended.returncode == 4, ended.stderr
    assert "error: " in ended.stderr
    again = run(folder, "-B", "-c", LIMITED.format(bytes=1 << 30, arguments=["train", *now, "--json", "train.json"]))
    assert again.returncode == 0, again.stderr
    assert json.loads((folder / "train.json").read_text())["version"] == "1"


def test_a_server_that_is_none_of_prefects_is_named(folder: Path) -> None:
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
        ended = run(folder, "-m", "pipelines.main", "ingest", PREFECT_API_URL=address)
        server.shutdown()
    assert ended.returncode == 4, ended.stderr
    assert "PREFECT_API_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
