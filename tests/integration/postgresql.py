"""A PostgreSQL server for the tests, in a temporary folder, on a free port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OWNER: Final = "postgres"
PASSWORD: Final = "only-here"  # noqa: S105  - of a server for one test run
HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Server:
    """A server: its programs, its folder and its port."""

    bin: Path
    folder: Path
    port: int

    def url(self, database: str, user: str = OWNER, password: str = PASSWORD) -> str:
        """Return the URL of a database, as an administrator would write it."""
        return f"postgresql://{user}:{password}@{HOST}:{self.port}/{database}"

    def create(self) -> str:
        """Create an empty database and return its URL."""
        name = f"fleet_{uuid4().hex}"
        self.run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def run(self, statement: sql.Composed | sql.SQL, database: str = OWNER) -> None:
        """Execute one statement as the administrator."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement)

    def start(self) -> None:
        """Start the server and wait for it."""
        options = f"-c listen_addresses={HOST} -p {self.port} -c unix_socket_directories={self.folder} -c fsync=off"
        self._control("-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Stop the server, by the process in its folder, and its connections."""
        self._control("-w", "-m", "immediate", "stop")

    def _control(self, *arguments: str) -> None:
        _run([str(self.bin / "pg_ctl"), "-D", str(self.folder / "data"), *arguments])


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server during the block."""
    folder = Path(tempfile.mkdtemp(prefix="nodeward-postgresql-"))
    server = Server(_find(), folder, _free_port())
    try:
        (folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            for path in (folder, folder / "password"):
                shutil.chown(path, OWNER)
        make = ["-A", "scram-sha-256", "-U", OWNER, f"--pwfile={folder / 'password'}", "-E", "UTF8", "--no-sync"]
        _run([str(server.bin / "initdb"), "-D", str(folder / "data"), *make])
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)


def _find() -> Path:
    folder = _installed()
    if folder is None and os.geteuid() == 0:
        for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "postgresql"]):
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603  - Debian's own packages
        folder = _installed()
    assert folder, "no PostgreSQL in /usr/lib/postgresql/*/bin or on PATH: install Debian's package postgresql"
    return folder


def _installed() -> Path | None:
    on_path = shutil.which("initdb")
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *([Path(on_path).parent] if on_path else [])]
    return max(folders, default=None, key=str)


def _run(command: Sequence[str]) -> None:
    """Run a program of PostgreSQL, which must not run as root."""
    as_owner = ["runuser", "-u", OWNER, "--", *command] if os.geteuid() == 0 else command
    done = subprocess.run(  # noqa: S603  - PostgreSQL's programs
        as_owner, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=tempfile.gettempdir()
    )
    assert done.returncode == 0, done.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
