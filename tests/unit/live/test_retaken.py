"""A decision of a journal, taken again: with the same bars, book and rules it is the same one, and else a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from tests.unit.cli.played import Played, play
from xsmom import kernel
from xsmom.domain.book import Book, Roster
from xsmom.domain.events import Started
from xsmom.engine.rules import Rules
from xsmom.engine.step import grow, step
from xsmom.errors import StateError
from xsmom.live.recovery import new_window
from xsmom.live.replay import replay_rules
from xsmom.live.retaken import Retaken, retake
from xsmom.store.readers import SqlReader, open_reader
from xsmom.store.rules import StoreRules
from xsmom.store.snapshots import prune
from xsmom.store.window_bytes import pack


@pytest.fixture(scope="module")
def trader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    made = play(tmp_path_factory.mktemp("retaken"))
    yield made
    made.journal.close()


@pytest.fixture
def reader(trader: Played) -> Iterator[SqlReader]:
    opened = open_reader(StoreRules.of(trader.config), trader.folder / "state/paper")
    yield opened
    opened.close()


def again(
    trader: Played, reader: SqlReader, close_ms: int, *, config_hash: str | None = None, **fields: object
) -> Retaken:
    rules = replay_rules(Rules.of(trader.config))
    if fields:
        given = {**rules.fields, **fields}
        rules = replay_rules(Rules(kernel.Params(**given), given, rules.pace))
    return retake(reader, rules, config_hash or trader.config.config_hash, reader.decisions(close_ms))


def test_every_decision_comes_out_as_it_was_written(trader: Played, reader: SqlReader) -> None:
    closes = reader.decided_ms()
    assert len(closes) > 70
    for close_ms in closes[::9]:
        rows, found = reader.decisions(close_ms), again(trader, reader, close_ms)
        assert found.panel.close_ms[-1] == found.read.close_ms == close_ms
        assert found.book.cycle.weight_frac.tolist() == [row.weight_frac for row in rows]
        assert found.book.names.goal_lots.tolist() == [row.goal_lots for row in rows]
        assert len(found.plan_reasons) in {0, len(rows)}


def test_what_it_read_gives_the_same_targets_once_more(trader: Played, reader: SqlReader) -> None:
    """The core, given what is handed out, says again what the journal says: the rungs are made of the right inputs."""
    close_ms = reader.decided_ms()[0]
    found = again(trader, reader, close_ms)
    row = kernel.features_last(found.panel, found.rules.params)
    weights, reasons, _ = kernel.decide(
        row, found.read.book_row, dict(found.read.state), found.rules.params, found.panel
    )
    rows = reader.decisions(close_ms)
    assert np.abs(weights).sum() > 0.0
    assert weights.tolist() == [one.weight_frac for one in rows]
    assert [kernel.REASONS[int(code)] for code in reasons] == [one.reason for one in rows]


def test_it_goes_on_from_the_newest_book_that_was_kept_before(trader: Played, reader: SqlReader) -> None:
    rules, book, window = replay_rules(Rules.of(trader.config)), None, None
    close_ms = reader.decided_ms()[0]
    whole = again(trader, reader, close_ms)
    for entry in reader.entries(0):
        if isinstance(entry.event, Started):
            window = new_window(rules, Roster.of(entry.event.instruments))
        assert window is not None
        grow(window, entry.event)
        book, _, _ = step(book, window, entry.event, entry.at_ms, rules)
        if entry.seq == 700:
            break
    assert isinstance(book, Book)
    assert window is not None
    trader.journal.save_snapshot(book, pack(window))
    assert reader.snapshot_before(700) is None
    kept = reader.snapshot_before(701)
    assert kept is not None
    assert kept[0].seq == 700
    steps: list[tuple[int, int]] = []
    rows = reader.decisions(close_ms)
    short = retake(reader, rules, trader.config.config_hash, rows, lambda done, total: steps.append((done, total)))
    assert steps[0] == (1, rows[0].seq - 700)
    assert steps[-1] == (rows[0].seq - 700,) * 2
    assert short.panel.hash == whole.panel.hash
    assert short.plan_reasons == whole.plan_reasons
    assert short.read.book_row["equity_usdt"] == whole.read.book_row["equity_usdt"]


def test_other_settings_are_told_and_nothing_is_explained_by_them(trader: Played, reader: SqlReader) -> None:
    close_ms = reader.decided_ms()[0]
    with pytest.raises(StateError, match="it was decided with other settings"):
        again(trader, reader, close_ms, config_hash="other", k_max=1, k_min=1)
    with pytest.raises(StateError, match="comes out otherwise than it was written"):
        again(trader, reader, close_ms, k_max=1, k_min=1)


def test_an_entry_that_is_gone_is_told(trader: Played, reader: SqlReader) -> None:
    later = [replace(row, seq=reader.last_seq() + 5) for row in reader.decisions()]
    with pytest.raises(StateError, match=r"entry \d+ of the journal, which decided it, is not there"):
        retake(reader, replay_rules(Rules.of(trader.config)), trader.config.config_hash, later)


def test_a_journal_whose_past_was_let_go_is_told(tmp_path: Path) -> None:
    made = play(tmp_path, bars=40)
    rules = replay_rules(Rules.of(made.config))
    made.journal.save_snapshot(made.book, pack(new_window(rules, made.book.roster)))
    with sa.create_engine(f"sqlite:///{tmp_path}/state/paper/journal.sqlite3").begin() as connection:
        assert prune(connection, int(made.panel.close_ms[20])) > 50
    made.journal.close()
    cut = open_reader(StoreRules.of(made.config), tmp_path / "state/paper")
    assert 15 < len(cut.decided_ms()) < 25
    with pytest.raises(StateError, match=r"storage\.keep_days has let the oldest go"):
        again(made, cut, cut.decided_ms()[0])
    cut.close()
