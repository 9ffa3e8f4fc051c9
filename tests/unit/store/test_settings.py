"""Each setting of the store acts: `live.state_dir`, `storage.url`, how often a book is kept, how long the past."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

import xsmom as xs
from tests.databases.fixtures import Database, HandClock
from tests.oracle import nouns
from xsmom.errors import ConfigError
from xsmom.store import database as lines
from xsmom.store.database import find_place
from xsmom.store.journal import SqlJournal
from xsmom.store.opening import open_journal
from xsmom.store.rules import StoreRules
from xsmom.store.tables import DECISIONS, ENTRIES, FILLS, NOTES

DAY_MS = 86_400_000


def rules_of(text: str, tmp_path: Path) -> tuple[StoreRules, Path]:
    """What a configuration file of this text means, and its state folder."""
    file = tmp_path / "config.yaml"
    file.write_text(text, "utf-8")
    config = xs.load_config(file, env={})
    return StoreRules.of(config), Path(str(config.value("live.state_dir")))


def write(journal: SqlJournal, count: int = 1, at_ms: int | None = None) -> None:
    for seq in range(journal.last_seq + 1, journal.last_seq + count + 1):
        entry = nouns.day(seq)
        journal.append(replace(entry, at_ms=entry.at_ms if at_ms is None else at_ms), replace(nouns.book(1), seq=seq))


def test_the_state_folder_holds_the_journal(tmp_path: Path) -> None:
    rules, folder = rules_of(f"live:\n  state_dir: {tmp_path}/mine\n", tmp_path)
    journal = open_journal(rules, folder, "bybit:1", HandClock())
    write(journal)
    journal.close()
    assert (tmp_path / "mine/journal.sqlite3").exists()
    assert (tmp_path / "mine").stat().st_mode & 0o077 == 0


def test_the_url_names_another_database(tmp_path: Path) -> None:
    # The same in the environment: XSMOM__STORAGE__URL
    config = xs.load_config(None, env={"XSMOM__STORAGE__URL": f"sqlite:///{tmp_path}/other.db"})
    journal = open_journal(StoreRules.of(config), tmp_path / "state", "bybit:1", HandClock())
    write(journal)
    journal.close()
    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "state").exists()


def test_a_password_is_in_no_sentence(tmp_path: Path) -> None:
    url = "postgresql://me:very-secret@127.0.0.1:1/x?connect_timeout=1"
    config = xs.load_config(None, env={"XSMOM__STORAGE__URL": url})
    rules = StoreRules.of(config)
    assert "very-secret" not in repr(rules)
    with pytest.raises(xs.XsmomError, match=r"the journal 127.0.0.1/x: the database does not answer") as caught:
        open_journal(rules, tmp_path, "bybit:1", HandClock())
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "storage.url is no database URL"),
        ("mysql://a@b/c", "storage.url begins with 'mysql'"),
        ("sqlite://", "storage.url names no file"),
        ("sqlite:///:memory:", "storage.url names no file"),
    ],
)
def test_a_url_that_is_none_is_refused(url: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=sentence):
        find_place(url, tmp_path)


def test_a_missing_driver_is_a_pip_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(lines, "find_spec", lambda _name: None)
    with pytest.raises(xs.XsmomError, match=r"pip install 'xsmom\[postgres\]'"):
        find_place("postgresql://a@b/c", tmp_path)


def test_a_snapshot_is_due_every_so_many_events(tmp_path: Path) -> None:
    rules, _ = rules_of("storage:\n  snapshot_every_events: 100\n", tmp_path)
    database = Database("sqlite", rules, tmp_path / "state")
    journal = database.open()
    write(journal, 99)
    before = journal.snapshot_due
    write(journal)
    assert (before, journal.snapshot_due) == (False, True)
    journal.close()


def test_a_server_that_does_not_wait_for_its_disk_is_told(database: Database, request) -> None:
    if database.kind == "sqlite":
        pytest.skip("a matter of PostgreSQL")
    server = request.getfixturevalue("server")
    server.set_live("fsync", "off")
    (note,) = database.open().told
    database.opened.pop().close()
    server.set_live("fsync", "on")
    assert note.name == "journal.not_durable"
    assert "fsync=off" in str(note.fields["why"])
    assert database.open().told == ()


# --- storage.keep_days ------------------------------------------------------------------------


def count(journal: SqlJournal, table: sa.Table) -> int:
    with journal._connection.begin():
        return journal._connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def fill_days(database: Database, keep_days: int, tmp_path: Path) -> SqlJournal:
    """Ten days of five entries each, with a snapshot at the end of each day."""
    rules, _ = rules_of(f"storage:\n  keep_days: {keep_days}\n", tmp_path)
    database.rules = replace(rules, url=database.rules.url)
    journal = database.open()
    for day in range(1, 11):
        database.clock.at_ms = day * DAY_MS
        write(journal, 5, day * DAY_MS)
        journal.save_snapshot(replace(nouns.book(1), seq=journal.last_seq), b"")
    return journal


def test_the_past_is_let_go_and_the_ledger_stays(database: Database, tmp_path: Path) -> None:
    journal = fill_days(database, 4, tmp_path)
    assert [entry.seq for entry in journal.entries(25)] == list(range(26, 51))
    assert (count(journal, ENTRIES), count(journal, NOTES), count(journal, FILLS)) == (25, 15, 10)
    assert count(journal, DECISIONS) == 0
    with pytest.raises(xs.XsmomError, match=r"entry 24 of the journal .* is missing"):
        list(journal.entries(24))
    journal.close()
    again = database.open()
    write(again, 2)
    assert [entry.seq for entry in again.entries(25)] == list(range(26, 53))
    found = again.newest_snapshot()
    assert found is not None
    assert found[0].seq == 50


def test_what_the_kept_snapshots_need_is_never_let_go(sqlite: Database, tmp_path: Path) -> None:
    journal = fill_days(sqlite, 1, tmp_path)
    # Three snapshots are kept: after the entries 40, 45 and 50.
    assert [entry.seq for entry in journal.entries(39)] == list(range(40, 51))
    assert count(journal, ENTRIES) == 11


def test_all_is_kept_by_default(sqlite: Database, tmp_path: Path) -> None:
    assert count(fill_days(sqlite, 0, tmp_path), ENTRIES) == 50
