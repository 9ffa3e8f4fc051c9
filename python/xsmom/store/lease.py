"""One writer for one account: a lock that dies with its holder, and a row that tells who holds it.

On SQLite the lock is `flock` on a file beside the database; on PostgreSQL it is an advisory lock of the writer's own
session. Both are given back by the system however a process ends, so a killed writer is followed at once. A writer that
lives but gives no sign for longer than it promised is followed on PostgreSQL, whose server can cut its line; on SQLite
a process that hangs has to be ended by its owner.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from xsmom.domain.effects import Note, Severity
from xsmom.errors import OutputError, StateError
from xsmom.store.database import Place
from xsmom.store.tables import LEASE

PATIENCE_MIN_MS = 120_000
"""Least silence after which a writer counts as dead."""

_SIGNS_MISSED = 3

_POLL_S = 0.05
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who the row says writes."""

    token: str
    pid: int
    host: str
    beat_ms: int
    patience_ms: int

    def is_dead(self, now_ms: int) -> bool:
        """Silent for longer than it promised to be."""
        return now_ms - self.beat_ms > self.patience_ms

    def describe(self, now_ms: int) -> str:
        """In words: process, machine, age of the newest sign."""
        return (
            f"process {self.pid} on {self.host}, whose newest sign is {max(0, now_ms - self.beat_ms) / 1000:.0f} s old"
        )


def _taken(place: Place, who: str) -> str:
    return f"the journal {place.name} is being written by {who}: one account has one writer, so stop that one first"


_HOLDER = ("token", "pid", "host", "beat_ms", "patience_ms")


class Lock(Protocol):
    """What excludes a second writer."""

    def acquire(self, now_ms: int) -> None:
        """Take it, or say who has it."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


class FileLock:
    """`flock` on a file beside the database of SQLite; the file stays."""

    def __init__(self, place: Place, path: Path, read_holder: sa.Engine) -> None:
        self._place, self._path, self._reader = place, path, read_holder
        self._file = -1

    def acquire(self, now_ms: int) -> None:
        """Take it, or say who has it."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OutputError(f"{self._path}: {reason}: give this user the right to write there") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            holder = self._holder()
            who = holder.describe(now_ms) if holder else "another process"
            raise StateError(_taken(self._place, who)) from None
        self._file = file

    def release(self) -> None:
        """Give it back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _holder(self) -> Holder | None:
        try:
            with self._reader.connect() as connection:
                return read_holder(connection)
        except sa.exc.DBAPIError:
            return None


def file_is_locked(path: Path) -> bool:
    """Whether some process holds the lock of a `FileLock`; nothing is taken for longer than the question."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def advisory_is_locked(connection: sa.Connection) -> bool:
    """Whether some session holds the lock of an `AdvisoryLock`, in the caller's transaction."""
    unsigned = _advisory_key(connection) % 2**64
    asked = sa.text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND classid = CAST(:high AS oid) AND objid = CAST(:low AS oid)"
    )
    found = connection.execute(asked, {"high": str(unsigned >> 32), "low": str(unsigned % 2**32)}).scalar()
    return bool(found)


def _advisory_key(connection: sa.Connection) -> int:
    schema = connection.execute(sa.text("SELECT current_schema()")).scalar()
    digest = hashlib.sha256(f"xsmom journal {schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


class AdvisoryLock:
    """A lock of the session on PostgreSQL: the server gives it back when the line is cut."""

    def __init__(self, place: Place, connection: sa.Connection) -> None:
        self._place, self._connection = place, connection
        self._key = 0

    def acquire(self, now_ms: int) -> None:
        """Take it; from a writer that is silent too long, after its line was cut."""
        with self._connection.begin():
            self._key = _advisory_key(self._connection)
        if self._try():
            return
        with self._connection.begin():
            holder = read_holder(self._connection)
        if holder is not None and holder.is_dead(now_ms):
            self._cut()
            if self._wait():
                return
        who = holder.describe(now_ms) if holder else "another process"
        raise StateError(_taken(self._place, who))

    def release(self) -> None:
        """Nothing to do: it goes with the session."""

    def _try(self) -> bool:
        with self._connection.begin():
            found = self._connection.execute(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key})
            return bool(found.scalar())

    def _wait(self) -> bool:
        deadline_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline_s:
            if self._try():
                return True
            time.sleep(_POLL_S)
        return False

    def _cut(self) -> None:
        """End the session that holds our lock, whichever it is."""
        cut = sa.text(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND classid = CAST(:high AS oid) AND objid = CAST(:low AS oid)"
        )
        unsigned = self._key % 2**64
        with self._connection.begin():
            self._connection.execute(cut, {"high": str(unsigned >> 32), "low": str(unsigned % 2**32)})


class Lease:
    """The row: who writes, and the newest sign of life."""

    def __init__(self, place: Place, account: str, every_ms: int) -> None:
        self._place, self._account = place, account
        self._patience_ms = max(PATIENCE_MIN_MS, _SIGNS_MISSED * every_ms)
        self._token = secrets.token_hex(16)

    def take(self, connection: sa.Connection, now_ms: int) -> tuple[Note, ...]:
        """Write us in, in the caller's transaction; tells of a writer that never gave it back."""
        before, host = read_holder(connection), socket.gethostname()
        # A file system that two machines share need not hand on `flock`.
        if before is not None and not self._place.postgres and before.host != host:
            self._refuse_fresh(before, now_ms)
        connection.execute(LEASE.delete())
        row = {"account": self._account, "token": self._token, "pid": os.getpid(), "host": host}
        times = {"since_ms": now_ms, "beat_ms": now_ms, "patience_ms": self._patience_ms}
        connection.execute(LEASE.insert(), [{**row, **times}])
        if before is None:
            return ()
        fields = {"pid": before.pid, "host": before.host, "silent_ms": max(0, now_ms - before.beat_ms)}
        return (Note("journal.lease_taken", Severity.WARNING, fields),)

    def _refuse_fresh(self, before: Holder, now_ms: int) -> None:
        if not before.is_dead(now_ms):
            raise StateError(
                f"{_taken(self._place, before.describe(now_ms))}, or wait until that sign is "
                f"{before.patience_ms // 1000} s old"
            )

    def beat(self, connection: sa.Connection, at_ms: int) -> None:
        """Give a sign, in the caller's transaction."""
        mine = LEASE.update().where(LEASE.c.token == self._token).values(beat_ms=at_ms)
        if connection.execute(mine).rowcount != 1:
            raise StateError(
                f"the journal {self._place.name} was taken by another process, since this one was silent for too long: "
                "stop one of the two"
            )

    def give_back(self, connection: sa.Connection) -> None:
        """Take us out, in the caller's transaction."""
        connection.execute(LEASE.delete().where(LEASE.c.token == self._token))


def read_holder(connection: sa.Connection) -> Holder | None:
    """Who the row names; None where there is no row, or no table yet."""
    if not sa.inspect(connection).has_table(LEASE.name):
        return None
    row = connection.execute(sa.select(*(LEASE.c[name] for name in _HOLDER))).first()
    return None if row is None else Holder(*row)
