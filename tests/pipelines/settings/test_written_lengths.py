from datetime import timedelta
from pathlib import Path

import pytest

from data.errors import SettingsError
from data.time_grid import DAY, HOUR
from pipelines.settings.load import load
from pipelines.settings.written_lengths import as_toml, interpret

WINDOWS = ("features", "windows")
HORIZON = ("policy", "horizon")


def error_of(folder: Path, *overrides: str, text: str = "", environ: dict[str, str] | None = None) -> str:
    """Return the text of the error that loading raises."""
    path = folder / "nodeward.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(path, overrides, environ or {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (("forecast", "horizons"), [1, 0.25], (DAY, 6 * HOUR)),
        (("forecast", "horizons"), ["1d", 7], (DAY, 7 * DAY)),
        (("forecast", "every"), 7, 7 * DAY),
        (("forecast", "leads"), [24, 1], (DAY, HOUR)),
        (HORIZON, "7", 7 * DAY),
        (HORIZON, "7 days", 7 * DAY),
        (HORIZON, "1 Day, 6 hrs", 30 * HOUR),
        (HORIZON, " 90min ", 1.5 * HOUR),
        (HORIZON, "1D12H", 36 * HOUR),
        (HORIZON, "2 weeks", 14 * DAY),
        (WINDOWS, ["5 seconds", "1h"], (timedelta(seconds=5), HOUR)),
        (WINDOWS, [1, 7], None),
        (WINDOWS, [], None),
        (HORIZON, True, None),
        (HORIZON, 0, None),
        (HORIZON, -1, None),
        (HORIZON, 1e300, None),
        (HORIZON, 1e6, None),
        (HORIZON, "1d12", None),
        (HORIZON, "1 month", None),
        (HORIZON, "soon", None),
        (HORIZON, "", None),
        (HORIZON, None, None),
        (HORIZON, float("nan"), None),
    ],
)
def test_a_value_is_read_as_it_was_most_likely_meant(key: tuple[str, ...], value: object, expected: object) -> None:
    assert interpret(key, value) == expected


def test_lengths_are_written_as_settings_take_them() -> None:
    assert as_toml(36 * HOUR) == '"1d12h"'
    assert as_toml((HOUR, 7 * DAY)) == '["1h", "7d"]'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[forecast]\n\nhorizons_days = [1, 0.25]\n",
            'line 3): is now forecast.horizons, a duration with a unit\n  → write horizons = ["1d", "6h"]',
        ),
        ("[forecast]\nevery_days = 7\n", '→ write every = "7d"'),
        ("[forecast]\nlead_hours = [24, 1.5]\n", '→ write leads = ["1d", "1h30m"]'),
        ("[policy]\nhorizon_days = 3\n", '→ write horizon = "3d"'),
        ("policy.horizon_days = 3\n", '→ write policy.horizon = "3d"'),
        ("policy = { horizon_days = 3 }\n", '→ write horizon = "3d"'),
        ('[policy]\nhorizon_days = "a week"\n', '→ give it a unit, for example horizon = "7d"'),
        ("[forecast]\nhorizons_days = []\n", '→ give it a unit, for example horizons = ["1d", "3d", "7d", "14d"]'),
    ],
)
def test_a_key_that_counted_days_or_hours_is_refused_with_the_line_to_write(
    tmp_path: Path, text: str, line: str
) -> None:
    assert line in error_of(tmp_path, text=text)


def test_the_line_to_write_belongs_where_the_old_key_was_written(tmp_path: Path) -> None:
    message = error_of(
        tmp_path,
        "forecast.every_days=2",
        "forecast={lead_hours=[24]}",
        text="[forecast]\nhorizons_days = [1]\n",
        environ={"NODEWARD_FORECAST__HORIZONS_DAYS": "[1, 7]", "NODEWARD_POLICY__HORIZON_DAYS": "7"},
    )
    for line in (
        'horizons = ["1d"]',
        'NODEWARD_FORECAST__HORIZONS=\'["1d", "7d"]\'',
        "NODEWARD_POLICY__HORIZON=7d",
        "--set forecast.every=2d",
        "--set 'forecast.leads=[\"1d\"]'",
    ):
        assert f"→ write {line}\n" in f"{message}\n"
    assert "forecast.horizons_days = [1, 7] (environment variable NODEWARD_FORECAST__HORIZONS_DAYS)" in message


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("forecast.horizons=[1, 7]", '--set \'forecast.horizons=["1d", "7d"]\''),
        ("forecast.horizons=['1 day', '7 days']", '--set \'forecast.horizons=["1d", "7d"]\''),
        ("forecast.every=1", "--set forecast.every=1d"),
        ("forecast.leads=[24]", "--set 'forecast.leads=[\"1d\"]'"),
        ("policy.stale_after='36 hours'", "--set policy.stale_after=1d12h"),
    ],
)
def test_a_number_or_words_instead_of_a_duration_are_refused_with_the_line_to_write(
    tmp_path: Path, override: str, line: str
) -> None:
    message = error_of(tmp_path, override)
    assert message.endswith(f"→ write {line}")
    assert message.count("→") == 1


def test_a_list_with_a_value_that_cannot_be_read_is_shown_whole(tmp_path: Path) -> None:
    message = error_of(tmp_path, "features.windows=['1d', 'x', 'y']")
    assert 'features.windows = ["1d", "x", "y"] (--set features.windows): each should be a duration such as' in message
    assert message.count("→") == 1


def test_a_table_of_an_old_name_is_an_unknown_key(tmp_path: Path) -> None:
    assert "→ did you mean forecast.horizons?" in error_of(tmp_path, "forecast.horizons_days.x=1")
