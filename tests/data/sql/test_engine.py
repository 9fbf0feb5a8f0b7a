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


def carry_out(engine: Engine, *statements: str) -> None:
    with write_transaction(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize("form", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgresql_is_spoken_to_through_psycopg_whatever_form_its_url_has(form: str) -> None:
    assert parse_address(f"{form}://ops:secret@db:5433/fleet").drivername == "postgresql+psycopg"
    assert parse_address(f"{form}://ops:secret@db:5433/fleet").password == "secret"  # noqa: S105  - made up


@pytest.mark.parametrize(
    "url", ["", "nodeward.db", "postgresql//ops:secret@db/fleet", "postgresql://ops:secret@db:x/f"]
)
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingsError, match=r"state\.url is no URL of a database\n  → write sqlite:") as refused:
        parse_address(url)
    assert "secret" not in str(refused.value)


def test_a_database_that_nodeward_does_not_know_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"state\.url names a database of kind 'mysql'"):
        connect("mysql://ops:secret@db/fleet")


def test_a_missing_driver_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingsError, match=r"→ pip install 'nodeward\[postgresql\]'"):
        connect("postgresql://ops:secret@db/fleet")


def test_nobody_listening_is_told_without_the_password() -> None:
    engine = connect("postgresql://ops:secret@127.0.0.1:1/fleet?connect_timeout=2")
    with pytest.raises(UnreachableError, match=r"ops:\*\*\*@127\.0\.0\.1:1/fleet") as refused, read_transaction(engine):
        pass
    assert "secret" not in str(refused.value)


def test_a_password_among_the_parameters_is_not_shown_either() -> None:
    url = "postgresql://127.0.0.1:1/fleet?user=ops&password=secret&sslpassword=other&connect_timeout=1"
    with (
        pytest.raises(UnreachableError, match=r"[?&]password=\*\*\*&sslpassword=\*\*\*&user=ops") as refused,
        read_transaction(connect(url)),
    ):
        pass
    assert "secret" not in str(refused.value)
    assert "other" not in str(refused.value)


@pytest.mark.parametrize("parameter", ["foo=1", "connect_timeout=soon"])
def test_a_parameter_that_libpq_does_not_know_is_one_of_the_settings(parameter: str) -> None:
    with (
        pytest.raises(SettingsError, match=r"state\.url = .*fleet"),
        read_transaction(connect(f"postgresql://127.0.0.1:1/fleet?{parameter}")),
    ):
        pass


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for below in ("file/nodeward.db", "file/deeper/nodeward.db"):
        with pytest.raises(SettingsError, match="a file is in its place"):
            connect(f"sqlite:///{tmp_path / below}")


@pytest.mark.parametrize("statement", ["SELECT node FROM nodes", "SELECT other FROM nodes"])
def test_tables_of_another_program_are_told_from_a_bug(tmp_path: Path, statement: str) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'foreign.db'}")
    if "other" in statement:
        carry_out(engine, "CREATE TABLE nodes (node TEXT)")
    with pytest.raises(DataError, match="holds other tables than Nodeward's: no such"):
        carry_out(engine, statement)
    engine.dispose()


def test_a_transaction_writes_all_of_it_or_nothing_tables_included(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(IntegrityError):
        carry_out(engine, "CREATE TABLE t (a INTEGER PRIMARY KEY)", *["INSERT INTO t VALUES (1)"] * 2)
    with read_transaction(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar() == 0
    engine.dispose()


def test_a_reader_sees_one_moment_while_another_process_writes(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'x.db'}")
    carry_out(engine, "CREATE TABLE t (a INTEGER)")
    with read_transaction(engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM t")).scalar() == 0
        carry_out(engine, "INSERT INTO t VALUES (1)")
        assert reader.execute(text("SELECT count(*) FROM t")).scalar() == 0
    with read_transaction(engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM t")).scalar() == 1
    engine.dispose()
