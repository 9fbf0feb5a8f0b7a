from pathlib import Path

import polars as pl
import pytest

from pipelines.main import main
from pipelines.settings.load import load
from pipelines.wiring.wiring import source

ROW = "2,cluster,49,6152,80,0,0,5-Apr,5-Jun,current,part,80,1,1,0,fe,6/21/2005 10:54,6/21/2005 11:00,6,,Fan,,,,,"
HEADER = (
    "System,machine type,nodes,procstot,procsinnode,nodenum,nodenumz,node install,node prod,node decom,fru type,mem,"
    "cputype,memtype,num intercon,purpose,Prob Started,Prob Fixed,Down Time,Facilities,Hardware,Human Error,Network,"
    "Undetermined,Software,Same Event"
)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    file = tmp_path / "lanl.csv"
    file.write_text(f"{HEADER}\n{ROW}\n2,cluster\n")
    return file


def test_a_converted_record_is_a_source(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = published.parent / "converted" / "lanl"
    assert main(["convert", "lanl", str(published), str(folder)]) == 0
    assert "1 failures of 49 nodes" in capsys.readouterr().out
    (published.parent / "n.toml").write_text(f'[source]\npath = "{folder}"\n')
    origin = source(load(published.parent / "n.toml", (), {}))
    origin.check()
    assert origin.events()["cause"].to_list() == ["hardware"]


def test_existing_files_are_kept_unless_forced(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (published.parent / "events.parquet").write_text("mine")
    assert main(["convert", "lanl", str(published), str(published.parent)]) == 2
    assert "--force" in capsys.readouterr().err
    assert (published.parent / "events.parquet").read_text() == "mine"
    assert main(["convert", "lanl", str(published), str(published.parent), "--force"]) == 0
    assert pl.read_parquet(published.parent / "events.parquet").height == 1


def test_a_missing_file_is_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "lanl", str(tmp_path / "x.csv"), str(tmp_path)]) == 3
    assert "x.csv: no such file" in capsys.readouterr().err


def test_an_unknown_record_is_2(tmp_path: Path) -> None:
    assert main(["convert", "titan", str(tmp_path / "x.csv"), str(tmp_path)]) == 2


def test_a_file_that_is_not_lanls_is_refused_without_mention_of_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.csv").write_text("host,start\n1,2\n")
    for path, message in (("x.csv", "no column System"), ("", "is no file"), ("nix.csv", "no such file")):
        assert main(["convert", "lanl", str(tmp_path / path), str(tmp_path / "converted")]) == 3
        err = capsys.readouterr().err
        assert message in err
        assert "as it was published" in err
        assert "source." not in err
    assert not (tmp_path / "converted").exists()
