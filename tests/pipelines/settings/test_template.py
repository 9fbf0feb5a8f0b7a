import re
from pathlib import Path

import pytest

from data.errors import SettingsError
from pipelines.settings.layers import file_layer
from pipelines.settings.load import load
from pipelines.settings.schema import Settings
from pipelines.settings.suggestions import ANY_NAME, known_keys
from pipelines.settings.template import template, write_template


def test_the_template_says_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "nodeward.toml"
    write_template(path, force=False)
    assert load(path, (), {}) == Settings()


def test_the_template_still_loads_with_its_examples_uncommented(tmp_path: Path) -> None:
    path = tmp_path / "nodeward.toml"
    path.write_text(re.sub(r"(?m)^# (?=\[|[\w.]+ = )", "", template()))
    settings = load(path, (), {})
    assert settings.metrics.metric("ecc_errors").unit == "errors"
    assert settings.source.columns.nodes.rack == "cabinet"


def test_the_template_has_every_key(tmp_path: Path) -> None:
    path = tmp_path / "nodeward.toml"
    write_template(path, force=False)
    written = {item.path for item in file_layer(path)}
    tables = {key[:-1] for key in known_keys(Settings)}
    single = {key for key in known_keys(Settings) if key not in tables and ANY_NAME not in key}
    mapped = {key for key in single if key[:2] == ("source", "columns")}
    commented = {("forecast", "history_start"), ("metrics", "columns")}
    assert single - mapped - commented == {path for path in written if path[:2] != ("source", "columns")}
    assert all(key[-1] in template() for key in mapped | commented)


def test_a_file_that_is_there_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "nodeward.toml"
    path.write_text("mine")
    with pytest.raises(SettingsError, match="--force"):
        write_template(path, force=False)
    assert path.read_text() == "mine"
    write_template(path, force=True)
    assert path.read_text() == template()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no folder"):
        write_template(tmp_path / "missing" / "nodeward.toml", force=False)
