"""Opening a journal for writing: lock, tables, account, lease, tail; nothing else makes one."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from xsmom.domain.effects import Note, Severity
from xsmom.errors import OutputError, StateError
from xsmom.ports import Clock
from xsmom.store.database import Place, close_quietly, find_place, open_engine, telling_database
from xsmom.store.journal import SqlJournal
from xsmom.store.lease import AdvisoryLock, FileLock, Lease, Lock
from xsmom.store.ledger import Ledger
from xsmom.store.refill import refill_ledger
from xsmom.store.rules import StoreRules
from xsmom.store.schema import settle_schema
from xsmom.store.tables import META
from xsmom.store.tail import Tail, mend_tail


def open_journal(rules: StoreRules, state_dir: Path, account: str, clock: Clock) -> SqlJournal:
    """The journal of this account, ours alone until `close`; an empty one where there was none.

    `account` is the venue and the account's name there: a journal of another account is refused.
    """
    place = find_place(rules.plain_url, state_dir)
    _make_folder(place)
    lock: Lock | None = None
    connection: sa.Connection | None = None
    try:
        with telling_database(place):
            if place.file is not None:
                lock = _lock_file(place, place.file)
                lock.acquire(clock.now_ms())
            connection = open_engine(place, write=True).connect()
            if lock is None:
                lock = AdvisoryLock(place, connection)
                lock.acquire(clock.now_ms())
            return _open(place, connection, lock, rules=rules, account=account, clock=clock)
    except BaseException:
        if connection is not None:
            close_quietly(connection)
        if lock is not None:
            lock.release()
        raise


def _open(
    place: Place, connection: sa.Connection, lock: Lock, *, rules: StoreRules, account: str, clock: Clock
) -> SqlJournal:
    now_ms = clock.now_ms()
    with connection.begin():
        settle_schema(connection, place)
    lease = Lease(place, account, rules.beat_ms)
    with connection.begin():
        _settle_account(connection, place, account)
        told: tuple[Note, ...] = lease.take(connection, now_ms)
        told += mend_tail(connection, place, now_ms)
        told += _doubt_server(connection, place)
        refill_ledger(connection, Ledger(connection))
        tail = Tail.newest(connection)
    return SqlJournal(place, connection, lock=lock, lease=lease, rules=rules, clock=clock, tail=tail, told=told)


def _doubt_server(connection: sa.Connection, place: Place) -> tuple[Note, ...]:
    """Tell of a server that says "committed" before the disk has it: a power cut may then lose what was sent."""
    if not place.postgres or connection.execute(sa.text("SHOW fsync")).scalar() == "on":
        return ()
    why = "the server of storage.url runs with fsync=off: a power cut may lose steps that were acted upon; set it on"
    return (Note("journal.not_durable", Severity.ERROR, {"why": why}),)


def _make_folder(place: Place) -> None:
    if place.file is None:
        return
    try:
        place.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"{place.file.parent}: {reason}: set live.state_dir to a folder that can be made") from error


def _lock_file(place: Place, file: Path) -> Lock:
    return FileLock(place, file.with_name(file.name + ".lock"), open_engine(place, write=False))


def _settle_account(connection: sa.Connection, place: Place, account: str) -> None:
    """Write the account into a new journal, or see that it is the same."""
    found = connection.execute(sa.select(META.c.value).where(META.c.name == "account")).scalar()
    if found is None:
        connection.execute(META.insert(), [{"name": "account", "value": account}])
    elif found != account:
        raise StateError(
            f"the journal {place.name} is that of {found}, and this is {account}: give each account its own "
            "live.state_dir or storage.url"
        )
