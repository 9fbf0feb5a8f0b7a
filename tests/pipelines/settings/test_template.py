import re
from pathlib import Path

import pytest

from data.errors import SettingsError
from pipelines.settings.layers import file_layer
from pipelines.settings.load import load
from pipelines.settings.schema import Settings
from pipelines.settings.suggestions import ANY_NAME, known_keys
from pipelines.settings.template import template, write_template


def test_the_template_holds_the_defaults(tmp_path: Path) -> None:
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
    renamed = {key for key in single if key[:2] == ("source", "columns")}
    commented = {("forecast", "history_start"), ("metrics", "columns")}
    assert single - renamed - commented == {path for path in written if path[:2] != ("source", "columns")}
    assert renamed
    assert {key for key in renamed | commented if key[-1] not in template()} == set()


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "nodeward.toml"
    path.write_text("edited by hand")
    with pytest.raises(SettingsError, match="--force"):
        write_template(path, force=False)
    assert path.read_text() == "edited by hand"
    write_template(path, force=True)
    assert path.read_text() == template()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no folder"):
        write_template(tmp_path / "missing" / "nodeward.toml", force=False)
