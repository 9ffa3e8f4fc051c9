"""Tables go up and down between versions with data in them, and what is newer is left alone."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.databases.fixtures import Database
from tests.oracle import nouns
from xsmom.errors import StateError
from xsmom.store.database import find_place, open_engine
from xsmom.store.journal import SqlJournal
from xsmom.store.readers import open_reader
from xsmom.store.schema import REVISIONS, migrate, read_revision
from xsmom.store.tables import METADATA

READERS = {"book", "fills", "funding", "transfers", "orders", "decisions", "equity", "notes"}


@pytest.fixture
def line(database: Database):
    """A connection beside the journal."""
    database.state_dir.mkdir(exist_ok=True)
    engine = open_engine(find_place(database.rules.plain_url, database.state_dir), write=True)
    connection = engine.connect()
    yield connection
    connection.close()


def tables(connection: sa.Connection) -> set[str]:
    with connection.begin():
        return set(sa.inspect(connection).get_table_names())


def write(journal: SqlJournal, count: int) -> None:
    for seq in range(journal.last_seq + 1, journal.last_seq + count + 1):
        journal.append(nouns.day(seq), replace(nouns.book(1), seq=seq))


def move(connection: sa.Connection, revision: str) -> None:
    with connection.begin():
        migrate(connection, revision)


def test_the_migrations_make_what_the_code_says(line: sa.Connection) -> None:
    move(line, REVISIONS[-1])
    with line.begin():
        context = MigrationContext.configure(line, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_every_version_has_its_file() -> None:
    folder = resources.files("xsmom.store.migrations") / "versions"
    found = sorted(one.name[1:5] for one in folder.iterdir() if one.name.startswith("m"))
    assert tuple(found) == REVISIONS


def test_down_and_up_again_with_data(database: Database, line: sa.Connection) -> None:
    journal = database.open()
    write(journal, 12)
    journal.close()
    move(line, "0001")
    assert not tables(line) & READERS
    with line.begin():
        assert read_revision(line) == "0001"
        assert line.execute(sa.text("SELECT count(*) FROM entries")).scalar() == 12
    with pytest.raises(StateError, match="is not ready: its writer makes it so at its next start"):
        open_reader(database.rules, database.state_dir)
    # The next writer brings the tables up, and fills in what the entries tell.
    again = database.open()
    assert again.last_seq == 12
    reader = open_reader(database.rules, database.state_dir)
    assert [row.seq for row in reader.fills()] == [2, 7, 12]
    assert [row.seq for row in reader.funding()] == [4, 9]
    assert [row.seq for row in reader.transfers()] == [5, 10]
    assert [row.seq for row in reader.notes()] == [1, 2, 5, 6, 7, 10, 11, 12]
    assert list(reader.orders()) == []
    assert again.newest_book() is None  # known again after the next step
    write(again, 1)
    assert [entry.seq for entry in again.entries(0)] == list(range(1, 14))
    book = again.newest_book()
    assert book is not None
    assert book.seq == 13
    assert len(reader.orders()) == 1
    reader.close()


def test_down_to_nothing(database: Database, line: sa.Connection) -> None:
    journal = database.open()
    write(journal, 3)
    journal.close()
    move(line, "base")
    assert tables(line) == {"alembic_version"}
    journal = database.open()
    assert journal.last_seq == 0
    write(journal, 1)


def test_tables_of_a_newer_version_are_refused_and_left_alone(database: Database, line: sa.Connection) -> None:
    journal = database.open()
    write(journal, 3)
    journal.close()
    with line.begin():
        line.execute(sa.text("UPDATE alembic_version SET version_num = '0099'"))
    sentence = r"has tables of version 0099, and this version of xsmom knows 0002: upgrade the package, or use the one"
    with pytest.raises(StateError, match=sentence):
        database.open()
    with pytest.raises(StateError, match=sentence):
        open_reader(database.rules, database.state_dir)
    with line.begin():
        assert line.execute(sa.text("SELECT count(*) FROM entries")).scalar() == 3
        assert line.execute(sa.text("SELECT count(*) FROM lease")).scalar() == 0


def test_a_migration_that_fails_leaves_the_tables_as_they_were(database: Database, line: sa.Connection) -> None:
    move(line, "0001")
    with line.begin():
        line.execute(sa.text("CREATE TABLE equity (x INTEGER)"))  # in the way of one of the new tables
    before = tables(line)
    with pytest.raises(StateError, match="the database says"):
        database.open()
    assert tables(line) == before
    with line.begin():
        assert read_revision(line) == "0001"
