import json
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.disk.atomic_write import STDOUT, atomic_file, check_output_file
from data.errors import SettingsError, UnreachableError
from data.schema import MetricKind
from models.audit.finding import Finding, Severity
from pipelines.operations.promote import Promoted
from pipelines.output.json_files import HORIZON, to_json, write_json


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    parts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    horizon: timedelta = field(metadata=HORIZON)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Result("a", (1.5, math.nan)), {"name": "a", "parts": [1.5, None]}),
        ({"7": math.inf, 8: -math.inf}, {"7": None, "8": None}),
        (np.float64(1.5), 1.5),
        (np.float32("nan"), None),
        (np.int64(3), 3),
        (np.array([True])[0], True),
        (datetime(2024, 5, 1, tzinfo=UTC), "2024-05-01T00:00:00+00:00"),
        (date(2024, 5, 1), "2024-05-01"),
        (timedelta(hours=1), 3600.0),
        (Path("a/b"), "a/b"),
        (MetricKind.AGE, "age"),
        (None, None),
        (
            UnreachableError("x", "y", "z"),
            {"what": "x at y does not answer: z", "mend": "start it, or correct its address", "exit_code": 4},
        ),
    ],
)
def test_values_that_json_lacks_are_converted(value: object, expected: object) -> None:
    assert to_json(value) == expected


def test_a_field_keeps_the_key_that_scripts_know_it_by() -> None:
    assert to_json(Finding("a trap", Severity.FOUND, "9 of 9", fix="leave it out")) == {
        "name": "a trap",
        "verdict": "found",
        "figure": "9 of 9",
        "statistic": None,
        "threshold": None,
        "examples": [],
        "mend": "leave it out",
    }
    assert to_json(Promoted("2", "1")) == {"model": "2", "was": "1"}


@pytest.mark.parametrize(("length", "expected"), [(timedelta(minutes=90), 1.5), (timedelta(days=7), 168.0)])
def test_a_horizon_is_written_in_hours(length: timedelta, expected: float) -> None:
    assert to_json(Forecast(length)) == {"horizon_hours": expected}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    )
)
def test_any_value_becomes_strict_json(value: object) -> None:
    json.loads(json.dumps(to_json(value), allow_nan=False))


def test_a_file_is_replaced_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")

    def fail() -> None:
        with atomic_file(path) as part:
            part.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_whole_file_replaces_the_old_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_json(path, {"a": "°C"})
    assert path.read_text() == '{\n "a": "°C"\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    write_json(tmp_path / "out.json", 1)
    (tmp_path / "other").write_text("")
    assert (tmp_path / "out.json").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_value_of_any_other_type_is_written_as_text(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")
    write_json(path, {"when": object})
    assert "class" in path.read_text()


def test_a_dash_prints(capsys: pytest.CaptureFixture[str]) -> None:
    write_json(STDOUT, [1])
    assert json.loads(capsys.readouterr().out) == [1]


def test_a_target_that_can_not_be_written_is_refused_early(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is a folder"):
        check_output_file(tmp_path, "--json")
    with pytest.raises(SettingsError, match=r"--json .*no folder"):
        check_output_file(tmp_path / "missing" / "out.json", "--json")


@pytest.mark.parametrize("path", [None, STDOUT, Path("out.json")])
def test_a_target_in_the_working_directory_will_do(path: Path | None) -> None:
    check_output_file(path, "--json")
