"""A real PostgreSQL of Debian's package, in a folder of its own, for the length of the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest


def find_programs() -> Path | None:
    """The folder of `initdb` and `postgres`, which Debian does not put on the path."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


class Server:
    """Listens on a socket file only: no port is taken, and nobody else can reach it."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Short: the path of a socket has at most 107 letters.
        self.folder = Path(tempfile.mkdtemp(prefix="xmpg"))
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas = 0

    @property
    def _account(self) -> str | None:
        """The server refuses to run as root: then it runs as the user of Debian's package."""
        return "postgres" if os.geteuid() == 0 else None

    def start(self) -> None:
        data = self.folder / "data"
        if self._account is not None:
            os.chown(self.folder, pwd.getpwnam(self._account).pw_uid, -1)
        if not data.exists():
            asked: list[str | Path] = [
                self._programs / "initdb",
                "-D",
                data,
                "-U",
                "xsmom",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ]
            subprocess.run(asked, check=True, stdout=subprocess.DEVNULL, user=self._account, cwd=self.folder)
        settings = {"listen_addresses": "", "unix_socket_directories": self.folder, "max_connections": 30}
        command: list[str | Path] = [self._programs / "postgres", "-D", data]
        command += (f"-c{name}={value}" for name, value in settings.items())
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL, user=self._account, cwd=self.folder)
        deadline_s = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline_s, "the server does not come up"
            time.sleep(0.05)

    def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)  # at once: nobody will read these data again
        self._process.wait(60)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, statement: str) -> None:
        with psycopg.connect(self._line, autocommit=True) as connection:
            connection.execute(statement.encode())

    def set_live(self, name: str, value: str) -> None:
        """Change a setting while it runs, and wait until it holds."""
        self.run(f"ALTER SYSTEM SET {name} = {value}")
        self.run("SELECT pg_reload_conf()")
        deadline_s = time.monotonic() + 30
        while self.read(f"SHOW {name}") != value:
            assert time.monotonic() < deadline_s, f"{name} does not become {value}"
            time.sleep(0.05)

    def read(self, statement: str) -> str:
        with psycopg.connect(self._line, autocommit=True) as connection:
            row = connection.execute(statement.encode()).fetchone()
        return str(row[0]) if row else ""

    def new_url(self) -> str:
        """A schema of its own: as good as an empty database, and made in no time."""
        self._schemas += 1
        self.run(f"CREATE SCHEMA s{self._schemas}")
        return f"postgresql://xsmom@/postgres?host={self.folder}&options=-csearch_path%3Ds{self._schemas}"

    @property
    def _line(self) -> str:
        return f"host={self.folder} user=xsmom dbname=postgres"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._line).close()
        except psycopg.OperationalError:
            return False
        return True


def start_server() -> Server:
    """A running one; the tests are skipped where it is not installed."""
    programs = find_programs()
    if programs is None:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    server = Server(programs)
    server.start()
    return server
