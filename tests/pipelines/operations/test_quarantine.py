from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from rich.console import Console

from data.errors import SettingsError
from pipelines.main import main
from pipelines.operations.quarantine import Which, listing, older, purge, try_again
from pipelines.settings.load import load
from pipelines.views.quarantine import show_quarantine
from pipelines.wiring.ingest_options import ingest_options, named_metrics
from tests.pipelines.made_up import START, merge_all, settings_of, write_records

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)
EVERYTHING = Which()
STRANGERS = Which(reason="NOT LIST")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state with ten samples and an event of a node that the inventory lacks, and one sample from the future."""
    records = tmp_path / "records"
    write_records(records)
    telemetry = pl.read_parquet(records / "telemetry.parquet")
    strangers = telemetry.filter(pl.col("node") == "a").with_columns(pl.lit("d").alias("node"))
    ahead = telemetry.head(1).with_columns((pl.col("ts") + 36_500 * DAY).alias("ts"))
    pl.concat([telemetry, strangers, ahead]).write_parquet(records / "telemetry.parquet")
    events = pl.read_parquet(records / "events.parquet")
    pl.concat([events, events.head(1).with_columns(pl.lit("d").alias("node"))]).write_parquet(
        records / "events.parquet"
    )
    merge_all(settings_of(tmp_path))
    return tmp_path


def shown(folder: Path, *overrides: str) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_quarantine(listing(settings_of(folder, *overrides), EVERYTHING), console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    return text


def test_a_state_that_was_never_written_to_has_an_empty_quarantine_and_stays_unwritten(tmp_path: Path) -> None:
    assert listing(settings_of(tmp_path), EVERYTHING).groups == ()
    assert not (tmp_path / "var").exists()
    assert "nothing is in quarantine" in shown(tmp_path)


def test_rows_are_listed_by_table_and_reason_the_most_first(folder: Path) -> None:
    groups = listing(settings_of(folder), EVERYTHING).groups
    assert [(group.table, group.rows, group.nodes) for group in groups] == [
        ("telemetry", 10, 1), ("events", 1, 1), ("telemetry", 1, 1),
    ]  # fmt: skip
    assert (groups[0].first, groups[0].last) == (START + DAY, START + 10 * DAY)
    assert [json.loads(example)["node"] for example in groups[0].examples] == ["d"] * 3


def test_the_list_is_shown_with_examples_and_what_to_do(folder: Path) -> None:
    text = shown(folder)
    assert "12 rows and cells in quarantine" in text
    assert "telemetry: 10 rows of 1 node from 'fleet': a row is of a node that the inventory does not list" in text
    assert '"temperature":21.0' in text
    assert "nodeward quarantine --replay" in text


@pytest.mark.parametrize(
    ("which", "rows"), [(Which("events"), 1), (STRANGERS, 11), (Which("telemetry", "future"), 1), (Which("nodes"), 0)]
)
def test_a_table_and_words_of_a_reason_pick_rows(folder: Path, which: Which, rows: int) -> None:
    assert listing(settings_of(folder), which).rows == rows


def test_a_table_that_is_none_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match="--table node: no such table"):
        listing(settings_of(folder), Which("node"))


def test_a_mended_setting_gives_rows_back_and_a_second_time_changes_nothing(folder: Path) -> None:
    mended = settings_of(folder, 'identity.aliases={"d" = "c"}')
    found = try_again(mended, EVERYTHING)
    assert found.replayed is not None
    assert (sum(found.replayed.released.values()), found.rows) == (11, 1)
    again = try_again(mended, EVERYTHING)
    assert again.replayed is not None
    assert (sum(again.replayed.released.values()), again.rows, again.replayed.buckets) == (0, 1, 0)
    assert "checked 1 again: 0 are valid now" in " ".join(_lines(again))


def _lines(found: object) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    show_quarantine(found, console)  # type: ignore[arg-type]  # a Listing
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    return text.splitlines()


def test_only_what_came_long_ago_is_purged(folder: Path) -> None:
    settings = settings_of(folder)
    assert purge(settings, EVERYTHING, DAY).purged == 0
    assert purge(settings, STRANGERS, timedelta(0)).purged == 11
    assert listing(settings, EVERYTHING).rows == 1


def test_options_that_contradict_each_other_are_refused() -> None:
    assert older(None, replay=True, purge=False) is None
    assert older("2d", replay=False, purge=True) == 2 * DAY
    assert older("999999d", replay=False, purge=True) == 36_525 * DAY
    for than, replay, drop in (("2d", False, False), (None, False, True), ("2d", True, True)):
        with pytest.raises(SettingsError, match="go together"):
            older(than, replay=replay, purge=drop)
    with pytest.raises(SettingsError, match="--older-than soon"):
        older("soon", replay=False, purge=True)


def test_the_command_lists_and_replays_and_writes_json(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main(["quarantine", "--reason", "future", "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(group["reason"], group["rows"]) for group in told["groups"]] == [("lies in the future", 1)]
    assert main(["quarantine", "--replay", "--set", "identity.aliases.d=c"]) == 0
    assert "11 are valid now and were merged, 1 stay" in capsys.readouterr().out
    assert main(["quarantine", "--purge"]) == 2


def test_settings_become_what_an_ingest_is_told(tmp_path: Path) -> None:
    config = tmp_path / "nodeward.toml"
    config.write_text(
        "identity = { ports = false, domains = ['x.org'], max_unknown_share = 0.5, aliases = { a = 'b' } }\n"
        "metrics.columns.fan = { unit = 'RPM', min = 100.0 }\nmetrics.columns.gone.kind = 'count'\n"
        "metrics.ignore = ['gone']\n"
    )
    settings = load(config, (), {})
    options = ingest_options(settings)
    spelling, fan = options.spelling, options.expected.describe("fan")
    assert (spelling.ports, spelling.domains, spelling.max_unknown_share) == (False, ("x.org",), 0.5)
    assert (dict(spelling.aliases), fan.unit, fan.min, fan.max) == ({"a": "b"}, "RPM", 100.0, None)
    assert named_metrics(settings) == {"metrics.columns.fan": "fan"}
