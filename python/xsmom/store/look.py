"""A look at a journal before anything is started: is it there, of this version, free, and what does its book say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from xsmom.domain.book import Book
from xsmom.errors import JournalCorrupt
from xsmom.store.database import Place, close_quietly, find_place, open_engine, telling_database
from xsmom.store.lease import advisory_is_locked, file_is_locked, read_holder
from xsmom.store.readers import open_reader
from xsmom.store.rules import StoreRules
from xsmom.store.schema import REVISIONS, read_revision, refuse_newer


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen; nothing was made, locked or changed."""

    place: Place
    #: There are tables of a journal.
    exists: bool = False
    #: They are of this version; older ones are brought up at the next start.
    current: bool = True
    account: str = ""
    book: Book | None = None
    #: The newest entry is torn, or the stored book spoiled: the next start folds it anew. Why.
    torn: str = ""
    #: Who writes to it now; empty when nobody does.
    writer: str = ""


def look_at_journal(rules: StoreRules, state_dir: Path, now_ms: int) -> Look:
    """Raises what a database says that cannot be used; a journal that is not there yet is an answer."""
    place = find_place(rules.plain_url, state_dir)
    if place.file is not None and not place.file.exists():
        return Look(place)
    with telling_database(place):
        connection = open_engine(place, write=False).connect()
    try:
        with telling_database(place), connection.begin():
            found = read_revision(connection)
            writer = _writer(place, connection, now_ms)
    finally:
        close_quietly(connection)
    refuse_newer(found, place)
    if found != REVISIONS[-1]:
        return Look(place, exists=found is not None, current=found is None, writer=writer)
    reader = open_reader(rules, state_dir)
    try:
        return Look(place, True, True, reader.account, reader.newest_book(), "", writer)
    except JournalCorrupt as error:
        return Look(place, True, True, reader.account, None, str(error), writer)
    finally:
        reader.close()


def _writer(place: Place, connection: sa.Connection, now_ms: int) -> str:
    """In words. A killed writer leaves its row, and no lock."""
    if place.file is not None:
        taken = file_is_locked(place.file.with_name(place.file.name + ".lock"))
    else:
        taken = advisory_is_locked(connection)
    if not taken:
        return ""
    holder = read_holder(connection)
    return holder.describe(now_ms) if holder is not None else "another process"
