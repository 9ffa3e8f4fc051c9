"""The line to a database: SQLite or PostgreSQL, durable, one transaction at a time, errors in sentences.

SQLite runs in WAL with `synchronous=FULL`: a commit that has returned is on the disk. PostgreSQL is told
`synchronous_commit=on`, whatever its server's own default is.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from xsmom.errors import ConfigError, JournalCorrupt, MissingExtraError, OutputError, StateError, XsmomError

SQLITE_FILE = "journal.sqlite3"
"""Name of the default journal in its state folder."""

_BUSY_MS = 5_000
"""How long a statement waits for another process that holds the file only for a moment."""

# A host that lost its power says nothing; its session must not hold a lock for hours.
_KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a journal lies."""

    url: URL
    #: The file of SQLite; None on PostgreSQL.
    file: Path | None

    @property
    def name(self) -> str:
        """How sentences call it; no password in it."""
        return str(self.file) if self.file else f"{self.url.host or 'local'}/{self.url.database or ''}"

    @property
    def postgres(self) -> bool:
        """Whether a server keeps it."""
        return self.file is None


def find_place(url: str | None, state_dir: Path) -> Place:
    """What `storage.url` means; left out it is a SQLite file in the state folder."""
    if url is None:
        file = state_dir / SQLITE_FILE
        return Place(URL.create("sqlite", database=str(file)), file)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError("storage.url is no database URL: write postgresql://user:password@host/name") from None
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ConfigError("storage.url names no file: write sqlite:///path/journal.sqlite3, or leave it out")
        return Place(parsed.set(drivername="sqlite"), Path(parsed.database))
    if parsed.get_backend_name() != "postgresql":
        raise ConfigError(
            f"storage.url begins with {parsed.drivername!r}: the journal lies in sqlite:/// or postgresql://"
        )
    if find_spec("psycopg") is None:
        raise MissingExtraError("storage.url names PostgreSQL, whose driver is missing: pip install 'xsmom[postgres]'")
    return Place(parsed.set(drivername="postgresql+psycopg"), None)


def open_engine(place: Place, *, write: bool) -> sa.Engine:
    """An engine whose connections are durable; a reader's can change nothing."""
    if place.postgres:
        return _open_postgres(place, write=write)
    return _open_sqlite(place, write=write)


def _open_sqlite(place: Place, *, write: bool) -> sa.Engine:
    engine = sa.create_engine(place.url, poolclass=NullPool)

    @sa.event.listens_for(engine, "connect")
    def _settle(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, never by the driver's guess
        # A damaged text is found by its hash; it must not stop the reading before that.
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        if write:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
        else:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _open_postgres(place: Place, *, write: bool) -> sa.Engine:
    options = f"-c synchronous_commit=on -c default_transaction_read_only={'off' if write else 'on'}"
    arguments = {"connect_timeout": 10, "application_name": "xsmom", **_KEEPALIVE}
    written = {name: value for name, value in place.url.query.items() if name != "options"}
    asked = place.url.query.get("options")
    if asked:
        options = f"{asked if isinstance(asked, str) else ' '.join(asked)} {options}"
    arguments = {name: value for name, value in arguments.items() if name not in written}
    return sa.create_engine(
        place.url.set(query=written),
        poolclass=NullPool,
        connect_args={**arguments, "options": options},
        # What a reader asks in one transaction is of one moment.
        isolation_level="READ COMMITTED" if write else "REPEATABLE READ",
    )


# --- what a database refuses, in sentences ------------------------------------------------------

_FULL = "the disk is full, and nothing of this step was written: make room, then start again"
_READ_ONLY = "it cannot be written: give this user the right to write the file and its folder"
_LOCKED = "another program holds it (a copy, a database browser): close that one, then start again"
MEND = "restore the database from a backup, or move it away and start with --adopt"
"""What can be done about a journal that cannot be read."""

_DAMAGED = f"the database is damaged: {MEND}"
_UNOPENED = "it cannot be opened: see that its folder exists and belongs to this user"
_UNREAD = "the disk does not read or write it: look at the system's log, then start again"
_WRITTEN = "another process has written to it meanwhile: one account has one writer, so stop one of the two"
_UNREACHED = "the database does not answer: see that it runs and that storage.url is right, then start again"

_SQLITE: dict[str, tuple[type[XsmomError], str]] = {
    "SQLITE_FULL": (OutputError, _FULL),
    "SQLITE_READONLY": (OutputError, _READ_ONLY),
    "SQLITE_BUSY": (StateError, _LOCKED),
    "SQLITE_LOCKED": (StateError, _LOCKED),
    "SQLITE_CORRUPT": (JournalCorrupt, _DAMAGED),
    "SQLITE_NOTADB": (JournalCorrupt, _DAMAGED),
    "SQLITE_CANTOPEN": (OutputError, _UNOPENED),
    "SQLITE_IOERR": (OutputError, _UNREAD),
    "SQLITE_CONSTRAINT": (StateError, _WRITTEN),
}

# By the code of the SQL standard, or its first two letters.
_POSTGRES: dict[str, tuple[type[XsmomError], str]] = {
    "53100": (OutputError, _FULL),
    "25006": (OutputError, "the server takes no writes: it is a replica, or set to read only"),
    "42501": (OutputError, "the user of storage.url may not write there: grant it the schema"),
    "55P03": (StateError, _LOCKED),
    "23505": (StateError, _WRITTEN),
    "3D000": (ConfigError, "there is no such database: make it with createdb, then start again"),
    "28": (ConfigError, "user or password of storage.url is refused"),
    "XX": (JournalCorrupt, _DAMAGED),
    "57": (StateError, _UNREACHED),
    "08": (StateError, _UNREACHED),
    "": (StateError, _UNREACHED),
}


class telling_database:  # noqa: N801  reads as a verb: `with telling_database(place):`
    """Turns what a database refuses into one sentence of ours."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Translate what came out of the driver."""
        if isinstance(error, DBAPIError):
            sort, text = _meaning(error)
            raise sort(f"the journal {self._place.name}: {text}") from error


def _meaning(error: DBAPIError) -> tuple[type[XsmomError], str]:
    name = getattr(error.orig, "sqlite_errorname", None)
    if name is not None:
        family = "_".join(name.split("_")[:2])
        return _SQLITE.get(family, (StateError, f"the database says {error.orig}"))
    if hasattr(error.orig, "sqlstate"):
        state = getattr(error.orig, "sqlstate", None) or _state_of_refusal(str(error.orig))
        found = _POSTGRES.get(state) or _POSTGRES.get(state[:2])
        if found is not None:
            return found
    return StateError, f"the database says {str(error.orig).strip()}"


def _state_of_refusal(text: str) -> str:
    """Code of a connection that was refused: libpq hands the words of the server on, and not its code."""
    if "does not exist" in text and "database" in text:
        return "3D000"
    return "28P01" if "password" in text or "authentication" in text else ""


def close_quietly(connection: sa.Connection) -> None:
    """Give a connection back that may be broken already."""
    with suppress(Exception):
        connection.close()
