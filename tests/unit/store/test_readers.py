"""What readers are shown is what the steps did, while the writer goes on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from tests.databases.fixtures import ACCOUNT, Database
from tests.oracle import nouns
from xsmom import kernel
from xsmom.domain.book import Book
from xsmom.domain.effects import Note, SendOrder, Severity
from xsmom.domain.events import (
    Ask,
    Command,
    CommandGiven,
    Event,
    FillSeen,
    FundingPaid,
    OrderLookedUp,
    OrderUpdated,
    Stage,
    Started,
    TimerFired,
    TransferSeen,
    VenueReplied,
)
from xsmom.domain.orders import Phase
from xsmom.domain.trading import FillKind, OrderState, Refusal, Rejected
from xsmom.errors import OutputError, StateError
from xsmom.ports import JournalReader
from xsmom.store import codec
from xsmom.store.journal import SqlJournal
from xsmom.store.readers import SqlReader, open_reader
from xsmom.store.rules import StoreRules


class Trader:
    """Takes steps, and lets a reader look."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.journal: SqlJournal = database.open()
        self.book: Book = replace(nouns.book(), orders={}, tasks={})
        self._reader: SqlReader | None = None

    @property
    def reader(self) -> SqlReader:
        if self._reader is None:
            self._reader = open_reader(self.database.rules, self.database.state_dir)
        return self._reader

    def step(self, event: Event, *, effects: tuple = (), notes: tuple[Note, ...] = (), **changes: Any) -> None:
        self.book = replace(self.book, seq=self.book.seq + 1, **changes)
        self.journal.append(nouns.entry(self.book.seq, event, effects, notes), self.book)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


@pytest.fixture
def trader(database):
    made = Trader(database)
    yield made
    made.close()


TICK = TimerFired("work", 1)


def test_a_reader_sees_the_newest_book_while_the_writer_writes(trader: Trader) -> None:
    trader.step(TICK)
    reader = trader.reader
    for paused in ("no", "yes"):
        trader.step(TICK, paused=paused)
        found = reader.newest_book()
        assert found is not None
        assert codec.encode(found) == codec.encode(trader.book)
        assert reader.last_seq() == trader.book.seq
    port: JournalReader = reader
    assert port.account == ACCOUNT


def test_fills_are_rising_once_and_know_their_order(trader: Trader) -> None:
    one = nouns.order(0, 7)
    trader.step(TICK, effects=(SendOrder(one.request, nouns.approved(one)),), orders={one.client_order_id: one})
    trader.step(FillSeen(nouns.fill(9, 1)))
    trader.step(FillSeen(nouns.fill(7)))
    trader.step(FillSeen(nouns.fill(9, 1)))  # a venue may repeat itself
    rows = trader.reader.fills()
    assert [(row.exec_id, row.seq, row.symbol) for row in rows] == [
        ("trade7", 3, "C000USDT"),
        ("trade9", 2, "C001USDT"),
    ]
    assert (rows[0].price, rows[0].fee_usdt, rows[0].lots, rows[0].is_maker) == (
        Decimal("42.50"), Decimal("0.0123450"), 5, True
    )  # fmt: skip
    assert str(rows[0].fee_usdt) == "0.0123450"
    assert [(row.purpose, row.reference_price) for row in rows] == [("rebalance", 42.5), ("", None)]
    assert [row.exec_id for row in trader.reader.fills(nouns.BEGIN_MS + 8)] == ["trade9"]
    assert [row.exec_id for row in trader.reader.fills(0, nouns.BEGIN_MS + 9)] == ["trade7"]
    assert [row.exec_id for row in trader.reader.fills(symbol="C001USDT")] == ["trade9"]


def test_funding_is_no_fill_and_is_summed_by_symbol(trader: Trader) -> None:
    received = replace(nouns.fill(3, 1, FillKind.FUNDING), fee_usdt=Decimal("-2.5"))
    trader.step(FundingPaid(nouns.fill(1, 1, FillKind.FUNDING)))
    trader.step(FundingPaid(nouns.fill(2, 0, FillKind.FUNDING)))
    trader.step(FundingPaid(received))
    trader.step(FillSeen(nouns.fill(4, 0, FillKind.LIQUIDATION)))
    assert [row.exec_id for row in trader.reader.funding()] == ["funding1", "funding2", "funding3"]
    assert trader.reader.funding_paid() == {"C000USDT": Decimal("0.0123450"), "C001USDT": Decimal("-2.4876550")}
    assert trader.reader.funding_paid(nouns.BEGIN_MS + 3) == {"C001USDT": Decimal("-2.5")}
    assert [row.kind for row in trader.reader.fills()] == ["liquidation"]


def test_transfers(trader: Trader) -> None:
    first, other = TransferSeen("a", Decimal("100.10"), 5), TransferSeen("b", Decimal(-3), 4)
    for moved in (first, other, first):
        trader.step(moved, notes=(nouns.transfer_note(moved),))
    trader.step(TransferSeen("c", Decimal(7), 3))  # the base has it: it was not booked
    word = CommandGiven(Command.CLASSIFY, "me", 9)
    trader.step(word, notes=(nouns.transfer_note(TransferSeen("classified-9", Decimal("0.25"), 9)),))
    assert [(row.transfer_id, str(row.amount_usdt)) for row in trader.reader.transfers()] == [
        ("b", "-3"),
        ("a", "100.10"),
        ("classified-9", "0.25"),
    ]


def test_an_order_is_followed_to_its_end(trader: Trader) -> None:
    one, other = nouns.order(0, 1, Phase.SENT), nouns.order(1, 2)
    key = one.client_order_id
    effects = (SendOrder(one.request, nouns.approved(one)),)
    trader.step(TICK, effects=effects, orders={key: one, other.client_order_id: other})
    (first, second) = trader.reader.orders()
    assert (first.phase, first.purpose, first.style, first.price) == (
        "sent",
        "rebalance",
        "post_only",
        Decimal("42.0000"),
    )
    assert (second.purpose, second.open) == ("", True)
    amended = replace(one, request=replace(one.request, price_ticks=4_300), phase=Phase.PARTIAL, filled_lots=-2)
    trader.step(TICK, orders={**trader.book.orders, key: amended})
    (first, _) = trader.reader.orders(open_only=True)
    assert (first.phase, first.filled_lots, first.price, first.purpose) == (
        "partial",
        -2,
        Decimal("43.0000"),
        "rebalance",
    )
    filled = replace(amended, phase=Phase.FILLED, filled_lots=-5)
    trader.step(TICK, orders={**trader.book.orders, key: filled})
    assert [row.client_order_id for row in trader.reader.orders(open_only=True)] == [other.client_order_id]
    trader.step(TICK, orders={})
    assert list(trader.reader.orders(open_only=True)) == []
    assert [row.phase for row in trader.reader.orders()] == ["filled", "working"]
    assert [row.phase for row in trader.reader.orders(symbol="C001USDT")] == ["working"]


def ending(key: str) -> list[tuple[Event, tuple[str, int, str]]]:
    """Events that end an order of -5 lots and take it out of the book at once, and what is shown of it then."""
    at_ms, view = 50, partial(nouns.order_view, key)
    poor = Rejected(Refusal.MARGIN, "1", "no money")
    part = replace(nouns.fill(3, 0), client_order_id=key, lots=-2)
    return [
        (FillSeen(replace(part, lots=-5)), ("filled", -5, "")),
        (FillSeen(part), ("cancelled", -2, "")),
        (OrderUpdated(view(OrderState.FILLED, -5)), ("filled", -5, "")),
        (OrderUpdated(view(OrderState.CANCELLED, -1, "EC_PostOnly")), ("cancelled", -1, "EC_PostOnly")),
        (OrderLookedUp("C000USDT", key, at_ms, view(OrderState.EXPIRED, 0)), ("expired", 0, "")),
        (OrderLookedUp("C000USDT", key, at_ms, None), ("rejected", 0, "absent")),
        (VenueReplied(Ask.SUBMIT, "C000USDT", key, at_ms, poor), ("rejected", 0, "no money")),
        # An event that says nothing of it leaves it as it was last seen, and closed.
        (OrderUpdated(nouns.order_view("other", OrderState.FILLED, -5)), ("working", 0, "")),
        (OrderUpdated(view(OrderState.WORKING, 0)), ("working", 0, "")),
    ]


@pytest.mark.parametrize("number", range(9))
def test_an_order_that_ends_and_leaves_in_one_step_shows_its_end(trader: Trader, number: int) -> None:
    one = nouns.order(0, 1, Phase.WORKING)
    event, (phase, filled, why) = ending(one.client_order_id)[number]
    trader.step(TICK, orders={one.client_order_id: one})
    trader.step(event, orders={})
    (row,) = trader.reader.orders()
    assert (row.phase, row.filled_lots, row.why, row.open) == (phase, filled, why, False)


def test_lots_of_names_that_were_traded_once(trader: Trader) -> None:
    def start(*steps: tuple[str, str]) -> Started:
        made = tuple(replace(nouns.instrument(0), symbol=name, qty_step=Decimal(step)) for name, step in steps)
        return Started("run", 1, "", "", "1", made, 1.0)

    trader.step(start(("AUSDT", "0.1"), ("BUSDT", "1"), ("CUSDT", "10"), ("DUSDT", "0.01")))
    trader.step(start(("AUSDT", "0.1"), ("BUSDT", "2")))
    trader.step(TICK, notes=(Note("specs.changed", fields={"symbols": ["DUSDT"], "count": 1}),))
    assert trader.reader.qty_steps() == {"AUSDT": Decimal("0.1"), "CUSDT": Decimal(10)}


def test_after_a_start_only_what_the_book_holds_is_open(trader: Trader) -> None:
    one, other = nouns.order(0, 1), nouns.order(1, 2)
    trader.step(TICK, orders={one.client_order_id: one, other.client_order_id: other})
    trader.journal.close()
    trader.journal = trader.database.open()
    trader.step(TICK, orders={one.client_order_id: one})
    assert [row.client_order_id for row in trader.reader.orders(open_only=True)] == [one.client_order_id]


def test_a_stop_and_a_market_order_say_what_they_are(trader: Trader) -> None:
    trigger = nouns.trigger(3_900)
    stop = replace(nouns.order(0, 1), request=replace(nouns.order(0, 1).request, trigger=trigger, price_ticks=None))
    market = replace(nouns.order(1, 2), request=replace(nouns.order(1, 2).request, price_ticks=None))
    trader.step(TICK, orders={stop.client_order_id: stop, market.client_order_id: market})
    (first, second) = trader.reader.orders()
    assert (first.purpose, first.conditional, first.price) == ("protect", True, Decimal("39.0000"))
    assert (second.purpose, second.conditional, second.price) == ("", False, None)


def decided(book: Book, close_ms: int) -> dict[str, Any]:
    cycle = replace(
        book.cycle,
        decided_ms=close_ms,
        weight_frac=np.array([0.25, np.nan, -0.25]),
        reasons=np.zeros(3, dtype=np.uint8),
    )
    return {"cycle": cycle, "names": replace(book.names, goal_lots=np.array([7, 0, -7]))}


def test_decisions_of_the_newest_bar_and_of_one_before(trader: Trader) -> None:
    for at in (1, 2, 3):
        close_ms = at * nouns.HOUR_MS
        trader.step(nouns.bar(3, close_ms, stage=Stage.TOUCH))
        trader.step(nouns.bar(3, close_ms, stage=Stage.DECIDE), **(decided(trader.book, close_ms) if at < 3 else {}))
    reader = trader.reader
    newest = reader.decisions()
    assert [(row.symbol, row.weight_frac, row.goal_lots) for row in newest] == [
        ("C000USDT", 0.25, 7), ("C001USDT", None, 0), ("C002USDT", -0.25, -7),
    ]  # fmt: skip
    assert {row.close_ms for row in newest} == {2 * nouns.HOUR_MS}  # the third bar was not decided
    assert [row.lots for row in newest] == trader.book.lots.tolist()
    (one,) = reader.decisions(nouns.HOUR_MS, "C002USDT")
    assert (one.close_ms, one.seq, one.reason) == (nouns.HOUR_MS, 2, kernel.REASONS[0])
    assert list(reader.decided_ms(5)) == [2 * nouns.HOUR_MS, nouns.HOUR_MS]
    assert list(reader.decided_ms()) == [2 * nouns.HOUR_MS, nouns.HOUR_MS]
    assert list(reader.decided_ms(until_ms=2 * nouns.HOUR_MS)) == [nouns.HOUR_MS]


def test_entries_and_kept_books_are_read_while_the_writer_writes(trader: Trader) -> None:
    for at in range(5):
        trader.step(TimerFired("work", at), notes=(Note("work", fields={"at": at}),))
        if at in {1, 3}:
            trader.journal.save_snapshot(trader.book, b"window")
    reader, walk = trader.reader, trader.reader.entries(0)
    assert next(walk).seq == 1
    trader.step(TICK)  # a writer that goes on while we read
    assert [entry.seq for entry in walk][:4] == [2, 3, 4, 5]
    assert [entry.event for entry in reader.entries(4)] == [TimerFired("work", 4), TICK]
    assert [entry.notes[0].fields["at"] for entry in reader.entries(3) if entry.notes] == [3, 4]
    assert list(reader.entries(6)) == []
    found = [reader.snapshot_before(seq) for seq in (2, 3, 4, 5, 9)]
    assert [None if one is None else one[0].seq for one in found] == [None, 2, 2, 4, 4]
    with pytest.raises(StateError, match="no longer has all entries after 99"):
        next(reader.entries(99))


def test_equity_at_each_close(trader: Trader) -> None:
    for at in (1, 2):
        close_ms = at * nouns.HOUR_MS
        cycle = replace(trader.book.cycle, marked_ms=close_ms)
        money = replace(trader.book.money, cash_usdt=1_000.0 * at, fee_usdt=float(at))
        trader.step(nouns.bar(3, close_ms, stage=Stage.MARK), cycle=cycle, money=money)
    rows = trader.reader.equity()
    units = trader.book.lots * trader.book.roster.qty_step
    net_usdt = float((units * trader.book.names.mark).sum())
    assert [row.equity_usdt for row in rows] == pytest.approx([1_000 + net_usdt, 2_000 + net_usdt])
    assert rows[1].gross_usdt == pytest.approx(float((abs(units) * trader.book.names.mark).sum()))
    assert rows[1].unit_value == pytest.approx((2_000 + net_usdt) / trader.book.money.units)
    assert [row.fee_usdt for row in rows] == [1.0, 2.0]
    assert [row.close_ms for row in trader.reader.equity(nouns.HOUR_MS + 1)] == [2 * nouns.HOUR_MS]


def test_a_mark_that_is_not_known_is_none(trader: Trader) -> None:
    close_ms = nouns.HOUR_MS
    names = replace(trader.book.names, mark=np.array([np.nan, 1.0, 1.0]))
    positions = {**trader.book.positions, "lots": np.array([5, 0, 0])}
    cycle = replace(trader.book.cycle, marked_ms=close_ms)
    trader.step(nouns.bar(3, close_ms, stage=Stage.MARK), cycle=cycle, names=names, positions=positions)
    (row,) = trader.reader.equity()
    assert row.equity_usdt is None or row.equity_usdt == pytest.approx(trader.book.money.cash_usdt)


def test_notes_by_name_symbol_and_number(trader: Trader) -> None:
    for at in range(4):
        fields = {"symbol": f"C00{at % 2}USDT", "at": at, "error": ValueError("no")}
        told = (Note("order.sent", Severity.INFO, fields), Note("mode.changed", Severity.WARNING, {"to": (1, 2)}))
        trader.step(TICK, notes=told)
    reader = trader.reader
    assert len(reader.notes()) == 8
    assert [row.note.fields["at"] for row in reader.notes(name="order.sent")] == [0, 1, 2, 3]
    assert [row.note.fields["at"] for row in reader.notes(name="order.", symbol="C001USDT")] == [1, 3]
    assert [row.note.name for row in reader.notes(count=3)] == ["mode.changed", "order.sent", "mode.changed"]
    newest = reader.notes(count=1)[0]
    assert (newest.note.fields, newest.note.severity) == ({"to": (1, 2)}, Severity.WARNING)
    assert reader.notes(name="order.sent")[0].note.fields["error"] == "no"
    assert list(reader.notes(name="order_")) == []
    assert [row.seq for row in reader.notes(nouns.BEGIN_MS + 4, name="order.sent")] == [4]


def test_who_writes_is_told(trader: Trader) -> None:
    trader.step(TICK)
    trader.journal.beat(trader.database.clock.at_ms + 500)
    found = trader.reader.writer()
    assert found is not None
    assert found.beat_ms - found.since_ms == 500
    trader.journal.close()
    assert trader.reader.writer() is None


def test_a_reader_can_change_nothing(trader: Trader) -> None:
    trader.step(TICK)
    reader = trader.reader
    with pytest.raises(OutputError), reader._picture() as connection:
        connection.execute(sa.text("DELETE FROM entries"))
    assert reader.last_seq() == 1


def test_a_journal_that_is_not_there_is_a_sentence(tmp_path) -> None:
    with pytest.raises(StateError, match=r"there is no journal at .*journal.sqlite3: start xsmom paper or xsmom live"):
        open_reader(StoreRules(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_is_a_sentence(database: Database) -> None:
    if database.kind == "sqlite":
        database.state_dir.mkdir()
        database.file.touch()
    with pytest.raises(StateError, match="is not ready: its writer makes it so at its next start"):
        open_reader(database.rules, database.state_dir)
