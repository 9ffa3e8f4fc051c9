"""Deposits and withdrawals as the exchange lists them: folded once, early or late, told or silent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.engine.reconcile.scenes import RULES, A, agreed, begin, scene
from xsmom.domain.effects import FetchTransfers
from xsmom.domain.events import Command, CommandGiven, Started, TransfersRead
from xsmom.domain.trading import MoneyMove, MoveKind
from xsmom.engine import money, reconcile
from xsmom.engine.reconcile import Blocks
from xsmom.store import codec

EVERY_MS = RULES.agree.every_ms
ROUND_MS = EVERY_MS + 10_000


def reads(acted: Any) -> list[int]:
    return [one.since_ms for _, one in acted.sent if isinstance(one, FetchTransfers)]


def is_settled(acted: Any) -> bool:
    venue = acted.book.venue
    return not venue.unexplained_usdt and not venue.doubts and reconcile.blocks(acted.book) is Blocks.NOTHING


@pytest.mark.parametrize("usdt", [2_500.0, -4_000.0, 0.5])
def test_a_listed_transfer_explains_the_wallet_without_a_word_of_the_operator(usdt: float) -> None:
    acted = agreed()
    acted.fill(A, 500, 100.0)
    acted.run(3_000)
    acted.price(A, 104.0)
    acted.run(1_000)
    value = money.unit_value_now(acted.book)
    guards = codec.encode(acted.book.guards)
    acted.venue.move(acted.now_ms, usdt)
    acted.run(ROUND_MS)
    assert is_settled(acted)
    assert not acted.told("wallet.unexplained")
    assert [note.fields["amount_usdt"] for note in acted.told("transfer.seen")] == [usdt]
    assert acted.book.money.transfers_usdt == usdt
    assert money.unit_value_now(acted.book) == pytest.approx(value, rel=1e-12)
    assert codec.encode(acted.book.guards) == guards


def test_it_is_read_at_the_start_at_each_round_and_on_a_word() -> None:
    acted = scene()
    acted.step(Started("run", acted.now_ms, "", "", "1", acted.book.roster.instruments, 0.0))
    acted.run(3_500)
    assert len(reads(acted)) == 1, "the start"
    acted.run(ROUND_MS)
    assert len(reads(acted)) == 2
    acted.step(CommandGiven(Command.RECONCILE, "test", acted.now_ms))
    acted.run(1_000)
    assert len(reads(acted)) == 3
    assert all(since >= 0 for since in reads(acted))
    known_ms = acted.book.venue.transfers_ms
    acted.run(EVERY_MS)
    assert reads(acted)[-1] == known_ms - RULES.agree.overlap_ms


def test_what_is_listed_twice_and_read_again_moves_the_book_once() -> None:
    acted = agreed()
    acted.venue.move(acted.now_ms + 1, 700.0)
    acted.venue.moves.append(acted.venue.moves[0])
    for _ in range(3):
        acted.run(ROUND_MS)
    assert acted.book.money.transfers_usdt == 700.0
    assert len(acted.told("transfer.seen")) == 1


def test_what_moved_while_nobody_looked_is_read_at_the_next_start_even_from_the_journals_text() -> None:
    acted = agreed()
    acted.run(ROUND_MS)
    value = money.unit_value_now(acted.book)
    acted.now_ms += 3 * 86_400_000
    acted.queue.clear()
    acted.timers.clear()
    acted.venue.move(acted.now_ms - 2 * 86_400_000, 5_000.0)
    acted.venue.move(acted.now_ms - 86_400_000, -1_000.0)
    acted.book = codec.decode(codec.encode(acted.book))
    acted.step(Started("run", acted.now_ms, "", "", "1", acted.book.roster.instruments, 0.0))
    acted.run(10_000)
    assert is_settled(acted)
    assert acted.book.money.transfers_usdt == 4_000.0
    assert money.unit_value_now(acted.book) == pytest.approx(value, rel=1e-12)
    assert not acted.told("wallet.unexplained")


def test_what_the_account_was_opened_with_and_all_before_the_first_look_is_in_the_base() -> None:
    acted = scene()
    acted.venue.move(acted.now_ms - 5_000, 100.0)
    acted.venue.wallet_usdt -= 100.0  # the first look shows it
    begin(acted)
    acted.run(ROUND_MS)
    assert acted.book.money.transfers_usdt == 0.0
    assert acted.told("transfer.contained")
    assert is_settled(acted)


def test_one_that_is_listed_late_blocks_entries_only_until_it_is_listed() -> None:
    acted = agreed()
    acted.venue.listed_late_ms = 400_000
    acted.venue.move(acted.now_ms, 900.0)
    acted.run(ROUND_MS)
    assert acted.book.venue.unexplained_usdt == pytest.approx(900.0)
    assert reconcile.blocks(acted.book) is Blocks.ENTRIES
    value = money.unit_value_now(acted.book)
    acted.run(2 * EVERY_MS)
    assert is_settled(acted)
    assert acted.book.money.transfers_usdt == 900.0
    assert money.unit_value_now(acted.book) == pytest.approx(value, rel=1e-12)


def test_one_that_was_classified_by_hand_and_is_listed_later_is_not_counted_again() -> None:
    acted = agreed()
    acted.venue.listed_late_ms = 400_000
    acted.venue.move(acted.now_ms, -900.0)
    acted.run(ROUND_MS)
    words = CommandGiven(Command.CLASSIFY, "test", acted.now_ms, "mine", {"kind": "transfer"})
    acted.step(words)
    assert acted.book.money.transfers_usdt == pytest.approx(-900.0)
    acted.venue.listed_late_ms = 0
    acted.run(3 * EVERY_MS)
    assert is_settled(acted)
    assert acted.book.money.transfers_usdt == pytest.approx(-900.0)
    later = acted.venue.move(acted.now_ms, 50.0)
    acted.run(ROUND_MS)
    assert later.move_id in acted.book.transfers_seen
    assert acted.book.money.transfers_usdt == pytest.approx(-850.0)


def test_a_list_that_cannot_be_read_leaves_it_to_the_operator_and_asks_rarely() -> None:
    acted = agreed()
    acted.venue.no_transfers = lambda _now: True
    asked = len(reads(acted))
    acted.venue.move(acted.now_ms, 900.0)
    acted.run(ROUND_MS)
    assert acted.book.venue.unexplained_usdt == pytest.approx(900.0)
    assert reconcile.blocks(acted.book) is Blocks.ENTRIES
    assert [note.fields["what"] for note in acted.told("venue.unread")] == ["transfers"]
    acted.run(600_000)
    errors = len(reads(acted)) - asked
    assert errors <= 5 * (ROUND_MS + 600_000) / 300_000, "its failures alone would trip the breaker"
    acted.venue.no_transfers = lambda _now: False
    acted.run(EVERY_MS)
    assert is_settled(acted)
    assert acted.book.money.transfers_usdt == 900.0


def test_what_the_exchange_took_by_itself_is_named_and_waits_for_a_word() -> None:
    acted = agreed()
    acted.venue.move(acted.now_ms, -300.0, MoveKind.OTHER, "INTEREST")
    acted.run(2 * ROUND_MS)
    (told,) = acted.told("wallet.moved")
    assert told.fields["what"] == "INTEREST"
    assert acted.book.money.transfers_usdt == 0.0
    assert acted.book.venue.unexplained_usdt == pytest.approx(-300.0)
    (line,) = acted.book.venue.mismatches
    assert "the exchange names INTEREST -300.00" in line
    acted.step(CommandGiven(Command.CLASSIFY, "test", acted.now_ms, "a loan", {"kind": "result"}))
    acted.run(ROUND_MS)
    assert is_settled(acted)
    assert acted.book.venue.named == {}
    assert money.unit_value(acted.book) == pytest.approx(0.97)


def test_a_book_of_before_transfers_were_read_counts_only_what_moved_since_it_last_agreed() -> None:
    acted = agreed()
    acted.run(ROUND_MS)
    agreed_ms = acted.book.venue.reconciled_ms
    old = replace(acted.book.venue, wallet_base_ms=0, unexplained_ms=0, transfers_ms=0)
    acted.book = replace(acted.book, venue=old)
    before = MoneyMove("old", MoveKind.TRANSFER, "TRANSFER_IN", Decimal(123), agreed_ms - 60_000)
    acted.venue.moves.append(before)  # classified by hand then
    acted.venue.move(acted.now_ms, 400.0)
    acted.run(ROUND_MS)
    assert acted.book.money.transfers_usdt == 400.0
    assert is_settled(acted)


def test_a_reading_that_was_never_answered_is_asked_for_again() -> None:
    acted = agreed()
    asked = len(reads(acted))
    acted.deaf_to_transfers = True
    acted.run(ROUND_MS)
    assert len(reads(acted)) == asked + 1
    acted.deaf_to_transfers = False
    acted.run(ROUND_MS)
    assert len(reads(acted)) == asked + 2
    assert acted.book.venue.transfers_told_ms == acted.book.venue.transfers_asked_ms


def test_an_answer_from_a_clock_that_runs_ahead_claims_no_future() -> None:
    acted = agreed()
    acted.step(TransfersRead(0, acted.now_ms + 60_000))
    assert acted.book.venue.transfers_ms == acted.now_ms


@pytest.mark.parametrize(
    ("text", "left", "refused"),
    [
        ("-300.004", 0.0, ""),  # as it is shown, to the cent
        ("-100", -200.0, ""),
        ("100", -300.0, "no part of the -300.00"),
        ("-300.5", -300.0, "no part of the -300.00"),
        ("0", -300.0, "no part"),
        ("nan", -300.0, "no part"),
        ("much", -300.0, "no amount of USDT"),
    ],
)
def test_an_operator_classifies_what_he_says_and_no_more(text: str, left: float, refused: str) -> None:
    acted = agreed()
    acted.venue.wallet_usdt -= 300.0
    acted.run(2 * ROUND_MS)
    args = {"kind": "result", "amount_usdt": text}
    acted.step(CommandGiven(Command.CLASSIFY, "test", acted.now_ms, "why", args))
    told = [str(note.fields["why"]) for note in acted.told("command.refused")]
    assert (refused in told[0]) if refused else not told
    assert acted.book.venue.unexplained_usdt == pytest.approx(left)
    assert acted.book.money.corrections_usdt == pytest.approx(-300.0 - left)
    acted.run(ROUND_MS)
    assert acted.book.venue.unexplained_usdt == pytest.approx(left)
    assert (reconcile.blocks(acted.book) is Blocks.NOTHING) == (left == 0.0)
