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
from pipelines.operations.quarantine import Listing, Selection, check_again, list_quarantine, purge, purge_age
from pipelines.settings.load import load
from pipelines.views.quarantine import show_quarantine
from pipelines.wiring.ingest_options import ingest_options, named_metrics
from tests.pipelines.made_up import START, merge_all, settings_of, write_records

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)
EVERYTHING = Selection()
UNKNOWN_NODES = Selection(reason="NOT LIST")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state with ten samples and an event of a node that the inventory lacks, and one sample from the future."""
    records = tmp_path / "records"
    write_records(records)
    telemetry = pl.read_parquet(records / "telemetry.parquet")
    unknown = telemetry.filter(pl.col("node") == "a").with_columns(pl.lit("d").alias("node"))
    ahead = telemetry.head(1).with_columns((pl.col("ts") + 36_500 * DAY).alias("ts"))
    pl.concat([telemetry, unknown, ahead]).write_parquet(records / "telemetry.parquet")
    events = pl.read_parquet(records / "events.parquet")
    pl.concat([events, events.head(1).with_columns(pl.lit("d").alias("node"))]).write_parquet(
        records / "events.parquet"
    )
    merge_all(settings_of(tmp_path))
    return tmp_path


def shown(listing: Listing) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_quarantine(listing, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    return text


def test_a_state_that_was_never_written_to_has_an_empty_quarantine_and_stays_unwritten(tmp_path: Path) -> None:
    listing = list_quarantine(settings_of(tmp_path), EVERYTHING)
    assert listing.groups == ()
    assert not (tmp_path / "var").exists()
    assert "nothing is in quarantine" in shown(listing)


def test_rows_are_listed_by_table_and_reason_the_largest_group_first(folder: Path) -> None:
    groups = list_quarantine(settings_of(folder), EVERYTHING).groups
    assert [(group.table, group.rows, group.nodes) for group in groups] == [
        ("telemetry", 10, 1), ("events", 1, 1), ("telemetry", 1, 1),
    ]  # fmt: skip
    assert (groups[0].first, groups[0].last) == (START + DAY, START + 10 * DAY)
    assert [json.loads(example)["node"] for example in groups[0].examples] == ["d"] * 3


def test_the_list_is_shown_with_examples_and_what_to_do(folder: Path) -> None:
    text = shown(list_quarantine(settings_of(folder), EVERYTHING))
    assert "12 rows and cells in quarantine" in text
    assert "telemetry: 10 rows of 1 node from 'fleet': a row is of a node that the inventory does not list" in text
    assert '"temperature":21.0' in text
    assert "nodeward quarantine --replay" in text


@pytest.mark.parametrize(
    ("selection", "rows"),
    [(Selection("events"), 1), (UNKNOWN_NODES, 11), (Selection("telemetry", "future"), 1), (Selection("nodes"), 0)],
)
def test_a_table_and_words_of_a_reason_select_rows(folder: Path, selection: Selection, rows: int) -> None:
    assert list_quarantine(settings_of(folder), selection).rows == rows


def test_an_unknown_table_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match="--table node: no such table"):
        list_quarantine(settings_of(folder), Selection("node"))


def test_a_corrected_setting_releases_rows_and_a_second_check_changes_nothing(folder: Path) -> None:
    corrected = settings_of(folder, 'identity.aliases={"d" = "c"}')
    first = check_again(corrected, EVERYTHING)
    assert first.replayed is not None
    assert (sum(first.replayed.released.values()), first.rows) == (11, 1)
    second = check_again(corrected, EVERYTHING)
    assert second.replayed is not None
    assert (sum(second.replayed.released.values()), second.rows, second.replayed.buckets) == (0, 1, 0)
    assert "checked 1 again: 0 are valid now" in shown(second)


def test_only_old_rows_are_purged(folder: Path) -> None:
    settings = settings_of(folder)
    assert purge(settings, EVERYTHING, DAY).purged == 0
    assert purge(settings, UNKNOWN_NODES, timedelta(0)).purged == 11
    assert list_quarantine(settings, EVERYTHING).rows == 1


def test_options_that_contradict_each_other_are_refused() -> None:
    assert purge_age(None, replay=True, purge=False) is None
    assert purge_age("2d", replay=False, purge=True) == 2 * DAY
    assert purge_age("999999d", replay=False, purge=True) == 36_525 * DAY
    for older_than, replay, purges in (("2d", False, False), (None, False, True), ("2d", True, True)):
        with pytest.raises(SettingsError, match="go together"):
            purge_age(older_than, replay=replay, purge=purges)
    with pytest.raises(SettingsError, match="--older-than soon"):
        purge_age("soon", replay=False, purge=True)


def test_the_command_lists_and_replays_and_writes_json(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main(["quarantine", "--reason", "future", "--json", "-"]) == 0
    listing = json.loads(capsys.readouterr().out)
    assert [(group["reason"], group["rows"]) for group in listing["groups"]] == [("lies in the future", 1)]
    assert main(["quarantine", "--replay", "--set", "identity.aliases.d=c"]) == 0
    assert "11 are valid now and were merged, 1 stay" in capsys.readouterr().out
    assert main(["quarantine", "--purge"]) == 2


def test_settings_become_the_options_of_an_ingest(tmp_path: Path) -> None:
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
