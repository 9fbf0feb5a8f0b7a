from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from data.errors import DataError, SettingsError, UnreachableError
from data.sql.engine import connect, parse_address, read_transaction, write_transaction

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine


def execute(engine: Engine, *statements: str) -> None:
    with write_transaction(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize("form", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_the_driver_for_postgresql_is_psycopg_in_every_form_of_url(form: str) -> None:
    assert parse_address(f"{form}://ops:secret@db:5433/fleet").drivername == "postgresql+psycopg"
    assert parse_address(f"{form}://ops:secret@db:5433/fleet").password == "secret"  # noqa: S105  - made up


@pytest.mark.parametrize(
    "url", ["", "nodeward.db", "postgresql//ops:secret@db/fleet", "postgresql://ops:secret@db:x/f"]
)
def test_a_text_that_is_no_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match=r"state\.url is no URL of a database\n  → write sqlite:") as refused:
        parse_address(url)
    assert "secret" not in str(refused.value)


def test_an_unsupported_kind_of_database_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"state\.url names a database of kind 'mysql'"):
        connect("mysql://ops:secret@db/fleet")


def test_the_error_for_a_missing_driver_shows_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingsError, match=r"→ pip install 'nodeward\[postgresql\]'"):
        connect("postgresql://ops:secret@db/fleet")


def test_the_error_for_an_unreachable_server_shows_no_password() -> None:
    engine = connect("postgresql://ops:secret@127.0.0.1:1/fleet?connect_timeout=2")
    with pytest.raises(UnreachableError, match=r"ops:\*\*\*@127\.0\.0\.1:1/fleet") as refused, read_transaction(engine):
        pass
    assert "secret" not in str(refused.value)


def test_the_error_shows_no_password_from_the_parameters() -> None:
    url = "postgresql://127.0.0.1:1/fleet?user=ops&password=secret&sslpassword=other&connect_timeout=1"
    with (
        pytest.raises(UnreachableError, match=r"[?&]password=\*\*\*&sslpassword=\*\*\*&user=ops") as refused,
        read_transaction(connect(url)),
    ):
        pass
    assert "secret" not in str(refused.value)
    assert "other" not in str(refused.value)


@pytest.mark.parametrize("parameter", ["foo=1", "connect_timeout=soon"])
def test_a_parameter_that_libpq_does_not_know_is_a_settings_error(parameter: str) -> None:
    with (
        pytest.raises(SettingsError, match=r"state\.url = .*fleet"),
        read_transaction(connect(f"postgresql://127.0.0.1:1/fleet?{parameter}")),
    ):
        pass


def test_a_file_in_place_of_the_folder_is_a_settings_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for below in ("file/nodeward.db", "file/deeper/nodeward.db"):
        with pytest.raises(SettingsError, match="a file is in its place"):
            connect(f"sqlite:///{tmp_path / below}")


@pytest.mark.parametrize("statement", ["SELECT node FROM nodes", "SELECT other FROM nodes"])
def test_tables_of_another_program_are_a_data_error(tmp_path: Path, statement: str) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'foreign.db'}")
    if "other" in statement:
        execute(engine, "CREATE TABLE nodes (node TEXT)")
    with pytest.raises(DataError, match="holds other tables than Nodeward's: no such"):
        execute(engine, statement)
    engine.dispose()


def test_a_transaction_writes_everything_or_nothing_including_tables(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(IntegrityError):
        execute(engine, "CREATE TABLE t (a INTEGER PRIMARY KEY)", *["INSERT INTO t VALUES (1)"] * 2)
    with read_transaction(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar() == 0
    engine.dispose()


def test_a_reader_sees_one_state_while_another_connection_writes(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'x.db'}")
    execute(engine, "CREATE TABLE t (a INTEGER)")
    with read_transaction(engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM t")).scalar() == 0
        execute(engine, "INSERT INTO t VALUES (1)")
        assert reader.execute(text("SELECT count(*) FROM t")).scalar() == 0
    with read_transaction(engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM t")).scalar() == 1
    engine.dispose()
