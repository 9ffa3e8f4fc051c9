"""Positions that differ: fills on their way, phantoms, hands, first starts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.engine.books import T0, fill
from tests.unit.engine.reconcile.scenes import RULES, A, B, agreed, begin, held, scene, with_rules
from xsmom.domain.effects import FetchFills, Severity
from xsmom.domain.events import AccountSeen, FillSeen
from xsmom.domain.trading import FillKind, Snapshot
from xsmom.engine import money, reconcile
from xsmom.engine.reconcile import Blocks, Origin

EVERY_MS = RULES.agree.every_ms


def test_a_book_beside_its_own_true_venue_changes_nothing_but_what_was_seen() -> None:
    acted = agreed()
    acted.fill(A, 50, 100.0)
    acted.fill(B, -70, 50.0)
    acted.run(5_000)
    before = acted.book
    acted.run(EVERY_MS * 3)
    after = acted.book
    assert after.venue.mismatches == ()
    assert after.venue.doubts == {}
    assert after.venue.unexplained_usdt == 0.0
    assert after.money == before.money
    for name, column in before.positions.items():
        assert np.array_equal(column, after.positions[name], equal_nan=column.dtype.kind == "f")
    assert after.held_by_hand == {}
    assert not acted.told("book.mismatched")


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_fill_that_the_stream_lost_is_read_again(by_hand: bool) -> None:
    acted = agreed()
    acted.fill(A, 50, 101.0, by_hand=by_hand, tell=False)
    acted.run(EVERY_MS + 5_000)
    assert acted.book.lots[0] == 50
    assert acted.book.positions["entry_price"][0] == 101.0
    assert not acted.told("position.taken_over")
    assert (A in acted.book.held_by_hand) == by_hand
    assert acted.book.venue.mismatches == ()


def test_a_position_that_no_execution_explains_is_taken_over_and_held() -> None:
    acted = agreed()
    held(acted, A, 40, 99.0)
    acted.run(EVERY_MS + 20_000)
    assert acted.book.lots[0] == 40
    assert acted.book.positions["entry_price"][0] == pytest.approx(99.0, rel=1e-12)
    assert acted.book.positions["hold"][0]
    assert A in acted.book.held_by_hand
    (taken,) = acted.told("position.taken_over")
    assert (taken.fields["lots"], taken.fields["before"], taken.fields["by_hand"]) == (40, 0, True)
    # And it is protected like any other.
    assert acted.book.protection[A].verified_ms is not None
    assert acted.venue.positions[A].stop_ticks is not None


def test_not_before_two_readings_and_all_fills_were_told() -> None:
    acted = agreed(deaf=lambda _now: False)
    held(acted, A, 40, 99.0)
    seen: list[tuple[int, int]] = []
    acted.check = lambda now: seen.append((now.now_ms, int(now.book.lots[0])))
    acted.run(EVERY_MS + 20_000)
    asked = [at for at, one in acted.sent if isinstance(one, FetchFills)]
    first = min(at for at, lots in seen if lots)
    doubted = [at for at in asked if at > T0 + 10_000]
    assert doubted, "fills were asked for"
    assert first - doubted[0] >= RULES.agree.stable_ms


def test_no_fills_read_no_correction() -> None:
    acted = agreed()
    held(acted, A, 40, 99.0)
    # Account, positions and orders can be read; executions cannot.
    acted.venue.no_fills = lambda _now: True
    acted.run(EVERY_MS * 3)
    assert acted.book.lots[0] == 0
    assert acted.book.venue.doubts
    acted.venue.no_fills = lambda _now: False
    acted.run(EVERY_MS)
    assert acted.book.lots[0] == 40


@pytest.mark.parametrize(
    ("lots", "entry", "expected_entry"),
    [(80, 104.0, 104.0), (20, 100.0, 100.0), (0, 0.0, float("nan")), (-30, 103.0, 103.0)],
)
def test_more_less_none_and_the_other_side(lots: int, entry: float, expected_entry: float) -> None:
    acted = agreed()
    acted.fill(A, 50, 100.0)
    acted.run(20_000)
    if lots:
        held(acted, A, lots, entry)
    else:
        del acted.venue.positions[A]
        acted.venue.note(acted.now_ms)
    acted.run(EVERY_MS + 20_000)
    assert acted.book.lots[0] == lots
    assert acted.book.positions["entry_price"][0] == pytest.approx(expected_entry, rel=1e-12, nan_ok=True)
    assert A in acted.book.held_by_hand
    assert acted.exits == []


def test_a_late_execution_of_what_was_taken_over_is_not_counted_twice() -> None:
    acted = agreed()
    held(acted, A, 40, 99.0, seq=500)
    acted.run(EVERY_MS + 20_000)
    assert acted.book.lots[0] == 40
    late = fill(A, 40, 99.0, acted.now_ms - 60_000, exec_id="late", seq=480)
    assert reconcile.is_contained(acted.book, late)
    acted.at(acted.now_ms, FillSeen(late))
    acted.run(1_000)
    assert acted.book.lots[0] == 40
    assert "late" in acted.book.fills_seen
    assert not reconcile.is_contained(acted.book, replace(late, seq=501, exec_id="new"))


def test_report_only_blocks_and_leaves_the_book_alone() -> None:
    acted = agreed(with_rules(correct=False))
    held(acted, A, 40, 99.0)
    acted.run(EVERY_MS + 30_000)
    assert acted.book.lots[0] == 0
    assert acted.book.venue.mismatches == (f"R7 {A}: the venue holds 40 lots, the book 0",)
    assert reconcile.blocks(acted.book) is Blocks.ENTRIES
    # It is the owner's, and it is protected all the same; but never closed from here.
    assert acted.venue.positions[A].stop_ticks is not None
    assert acted.exits == []
    asked = len(acted.sent)
    acted.run(EVERY_MS)
    assert len(acted.sent) - asked < 60, "it is looked at as often as anything, and no more"
    told = [one for one in acted.told("book.mismatched") if one.fields["invariant"] == "R7"]
    assert len(told) == 1
    del acted.venue.positions[A]
    acted.venue.note(acted.now_ms)
    acted.run(EVERY_MS + 5_000)
    assert acted.book.venue.mismatches == ()  # type: ignore[comparison-overlap]


def test_a_failed_read_changes_no_position_and_is_told() -> None:
    acted = agreed()
    acted.fill(A, 50, 100.0)
    acted.run(20_000)
    lots, reconciled_ms = acted.book.lots.copy(), acted.book.venue.reconciled_ms
    acted.venue.positions.clear()
    acted.venue.note(acted.now_ms)
    acted.venue.deaf = lambda _now: True
    acted.run(EVERY_MS * 2)
    assert np.array_equal(acted.book.lots, lots)
    assert acted.book.venue.positions is not None, "what was known stays known"
    assert acted.book.venue.reconciled_ms <= reconciled_ms + 15_000
    assert reconcile.blocks(acted.book) is Blocks.ENTRIES
    assert [one.split(":")[0] for one in acted.book.venue.mismatches] == ["R1"] * 3


def test_a_first_start_on_positions_is_refused() -> None:
    acted = scene()
    held(acted, A, 40, 99.0)
    begin(acted)
    assert reconcile.blocks(acted.book) is Blocks.HALT
    (line,) = acted.book.venue.mismatches
    assert line.startswith(f"R2 {A}: the account holds 40 lots at the first start")
    assert "--adopt" in line
    assert f"--ignore {A}" in line
    assert acted.book.venue.reconciled_ms == 0
    assert acted.book.lots[0] == 0
    assert acted.told("book.mismatched")[0].severity is Severity.CRITICAL
    assert acted.asked() == [], "what is refused is not touched"
    # The owner closes it by hand: that is none of the book's trades, and the start may go on.
    acted.fill(A, -40, 100.0, by_hand=True)
    acted.run(EVERY_MS)
    assert acted.book.lots[0] == 0
    assert acted.book.money.fills == 0
    assert acted.book.venue.mismatches == ()
    assert acted.book.venue.reconciled_ms > 0


def test_adopting_takes_them_over_without_a_hold() -> None:
    acted = scene()
    held(acted, A, 40, 99.0)
    held(acted, B, -30, 50.0)
    acted.book = replace(acted.book, adopt=True)
    begin(acted)
    acted.run(20_000)
    assert acted.book.lots[:2].tolist() == [40, -30]
    assert acted.book.positions["entry_price"][0] == pytest.approx(99.0, rel=1e-12)
    assert acted.book.held_by_hand == {}
    assert acted.book.venue.reconciled_ms > 0
    assert acted.book.protection[A].verified_ms is not None


def test_ignored_names_are_left_alone() -> None:
    acted = scene()
    held(acted, A, 40, 99.0)
    acted.book = replace(acted.book, ignored=(A,))
    begin(acted)
    acted.run(20_000)
    assert acted.book.lots[0] == 0
    assert acted.book.venue.mismatches == ()
    assert acted.asked() == []
    assert reconcile.is_contained(acted.book, fill(A, 10, 100.0, acted.now_ms))


def test_executions_from_before_the_book_are_not_its_own() -> None:
    acted = scene()
    acted.venue.fills.append(fill(A, 40, 99.0, T0 - 60_000, exec_id="old"))
    begin(acted)
    assert acted.book.lots[0] == 0
    assert acted.book.money.fills == 0


def test_a_trade_by_hand_puts_the_name_on_hold_until_it_is_released() -> None:
    acted = agreed()
    acted.fill(A, 50, 100.0)
    acted.run(5_000)
    acted.fill(A, -20, 101.0, by_hand=True)
    acted.run(5_000)
    assert acted.book.lots[0] == 30
    assert A in acted.book.held_by_hand
    assert acted.book.positions["hold"][0]
    (told,) = acted.told("fill.by_hand")
    assert told.fields["lots"] == -20
    turn = acted.turn()
    assert reconcile.release(turn, A)
    assert turn.book.held_by_hand == {}
    assert not turn.book.positions["hold"][0]
    assert not reconcile.release(turn, A)


@pytest.mark.parametrize("kind", [FillKind.LIQUIDATION, FillKind.ADL])
def test_what_the_exchange_does_is_told_at_the_top_and_is_no_hand(kind: FillKind) -> None:
    acted = agreed()
    acted.fill(A, 50, 100.0)
    acted.run(5_000)
    made = replace(acted.venue.trade(acted.now_ms, A, -50, 90.0), kind=kind)
    acted.venue.fills[-1] = made
    acted.at(acted.now_ms, FillSeen(made))
    acted.run(5_000)
    (told,) = acted.told(f"position.{kind.value}")
    assert told.severity is Severity.CRITICAL
    assert acted.book.held_by_hand == {}
    assert acted.book.lots[0] == 0


def test_whose_an_execution_is() -> None:
    acted = agreed()
    acted.fill(A, 50, 100.0)
    acted.run(5_000)
    made = acted.book
    ours = acted.venue.fills[0]
    assert reconcile.origin(made, ours) is Origin.OURS
    at_ms = acted.now_ms
    assert reconcile.origin(made, fill(A, -50, 95.1, at_ms, order_id="stop-AAAUSDT-950")) is Origin.STOP
    # Under a new number, near the level or beyond it; above it, it is a hand.
    assert reconcile.origin(made, fill(A, -50, 95.5, at_ms, order_id="new")) is Origin.STOP
    assert reconcile.origin(made, fill(A, -50, 80.0, at_ms, order_id="new")) is Origin.STOP
    assert reconcile.origin(made, fill(A, -50, 100.0, at_ms, order_id="new")) is Origin.HAND
    assert reconcile.origin(made, fill(A, 10, 95.0, at_ms, order_id="new")) is Origin.HAND
    assert reconcile.origin(made, fill(A, -50, 100.0, at_ms, name="web-1")) is Origin.HAND
    assert reconcile.origin(made, fill(A, -50, 100.0, at_ms, name="xmother")) is Origin.STRANGER
    assert reconcile.origin(made, fill(A, -50, 90.0, at_ms, kind=FillKind.DELIVERY)) is Origin.DELIVERY


def test_an_execution_under_a_name_of_ours_that_was_not_sent_here_is_told_loudly() -> None:
    acted = agreed()
    made = acted.venue.trade(acted.now_ms, A, 10, 100.0, "xmsomebodyelse")
    acted.at(acted.now_ms, FillSeen(made))
    acted.run(1_000)
    assert any(one.startswith(f"R13 {A}") for one in acted.book.venue.mismatches)
    assert reconcile.blocks(acted.book) is Blocks.ENTRIES
    assert acted.told("book.mismatched")[-1].severity is Severity.CRITICAL
    acted.run(EVERY_MS)
    assert any(one.startswith(f"R13 {A}") for one in acted.book.venue.mismatches), "a reading does not excuse it"


def test_an_old_row_does_not_undo_a_newer_one() -> None:
    acted = agreed()
    acted.fill(A, 50, 100.0)
    acted.run(5_000)
    row = acted.book.venue.positions[A]  # type: ignore[index]
    turn = acted.turn()
    acted.book = replace(acted.book, venue=replace(acted.book.venue, positions={A: (row := replace(row, seq=900))}))
    turn = acted.turn()
    stale = Snapshot((replace(row, lots=10, seq=899),), acted.now_ms)
    reconcile.on_account(turn, AccountSeen(acted.now_ms, positions=stale))
    assert turn.book.venue.positions[A] == row  # type: ignore[index]
    assert money.equity_usdt(turn.book) == money.equity_usdt(acted.book)


def test_a_name_that_is_not_traded_here_is_told_and_blocks_nothing() -> None:
    acted = agreed()
    acted.venue.marks["ZZZUSDT"] = 5.0
    held(acted, "ZZZUSDT", 7, 5.0)
    acted.run(EVERY_MS + 5_000)
    assert acted.book.venue.foreign == ("ZZZUSDT",)
    assert [one.split(":")[0] for one in acted.book.venue.mismatches] == ["R8 ZZZUSDT"]
    assert reconcile.blocks(acted.book) is Blocks.NOTHING


def test_entry_prices_that_differ_are_told() -> None:
    acted = agreed()
    acted.fill(A, 50, 100.0)
    acted.run(5_000)
    acted.venue.positions[A].entry = 101.0
    acted.venue.note(acted.now_ms)
    acted.run(EVERY_MS)
    assert [one.split(":")[0] for one in acted.book.venue.mismatches] == [f"R9 {A}"]


def test_after_a_long_silence_all_executions_since_are_read() -> None:
    acted = agreed()
    known_ms = acted.book.venue.fills_ms
    assert known_ms
    acted.fill(A, 50, 101.0, tell=False)
    acted.now_ms += 24 * 3_600_000
    acted.fill(A, -20, 103.0)
    acted.run(20_000)
    (first, *_) = [one for at, one in acted.sent if isinstance(one, FetchFills) and at > T0 + 3_600_000]
    assert first.since_ms == known_ms - RULES.agree.overlap_ms
    assert acted.book.lots[0] == 30
    assert acted.book.positions["entry_price"][0] == 101.0
    assert not acted.told("position.taken_over")
