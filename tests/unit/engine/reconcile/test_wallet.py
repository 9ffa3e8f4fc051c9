"""Money: explained, unexplained, transferred, classified."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.engine.books import CASH, T0, fill
from tests.unit.engine.reconcile.scenes import RULES, A, B, agreed, begin, scene
from xsmom.domain.effects import EnsureModes, Severity
from xsmom.domain.events import Ask, FundingPaid, Started, TransferSeen, VenueReplied
from xsmom.domain.trading import FillKind, ModeReport
from xsmom.engine import money, reconcile
from xsmom.engine.reconcile import Blocks
from xsmom.engine.reconcile.wallet import explained_usdt

EVERY_MS = RULES.agree.every_ms


def test_results_of_trades_explain_the_wallet() -> None:
    acted = agreed()
    acted.fill(A, 500, 100.0)
    acted.fill(B, -700, 50.0)
    acted.run(3_000)
    acted.price(A, 110.0)
    acted.price(B, 48.0)
    acted.fill(A, -200, 110.0)
    acted.fill(B, 900, 48.0)
    acted.run(EVERY_MS)
    assert explained_usdt(acted.book) == pytest.approx(acted.venue.wallet_usdt, abs=1e-6)
    assert acted.book.venue.unexplained_usdt == 0.0
    assert acted.book.venue.mismatches == ()


def test_a_book_smaller_than_its_wallet_is_measured_from_the_first_look() -> None:
    acted = agreed(wallet_usdt=25_000.0)
    assert acted.book.venue.wallet_base_usdt == pytest.approx(15_000.0)
    acted.run(EVERY_MS)
    assert acted.book.venue.unexplained_usdt == 0.0


@pytest.mark.parametrize(
    ("change", "blocks"), [(-49.0, Blocks.NOTHING), (-51.0, Blocks.ENTRIES), (300.0, Blocks.ENTRIES)]
)
def test_an_unexplained_change_above_the_limit_blocks_entries_until_it_is_classified(
    change: float, blocks: Blocks
) -> None:
    acted = agreed()
    acted.venue.wallet_usdt += change
    acted.run(EVERY_MS + 10_000)
    assert acted.book.venue.unexplained_usdt == pytest.approx(change)
    assert acted.told("wallet.unexplained")
    assert reconcile.blocks(acted.book) is blocks
    before = money.unit_value(acted.book)
    turn = acted.turn()
    assert not reconcile.classify(turn, None, as_transfer=True, why="fees of a subscription")
    assert money.unit_value(turn.book) == pytest.approx(before, rel=1e-12)
    assert turn.book.money.transfers_usdt == pytest.approx(change)
    acted.book = turn.book
    acted.run(EVERY_MS + 10_000)
    assert acted.book.venue.unexplained_usdt == 0.0
    assert reconcile.blocks(acted.book) is Blocks.NOTHING
    assert (
        reconcile.classify(acted.turn(), None, as_transfer=True, why="nothing")
        == "nothing in the wallet is unexplained"
    )


def test_classified_as_a_result_it_moves_the_value_of_the_book() -> None:
    acted = agreed()
    acted.venue.wallet_usdt -= 100.0
    acted.run(EVERY_MS + 10_000)
    turn = acted.turn()
    assert not reconcile.classify(turn, None, as_transfer=False, why="a fee that was not told")
    assert money.unit_value(turn.book) == pytest.approx(0.99)
    assert turn.book.money.corrections_usdt == pytest.approx(-100.0)
    acted.book = turn.book
    acted.run(EVERY_MS + 10_000)
    assert acted.book.venue.unexplained_usdt == 0.0


def test_a_passing_difference_is_not_believed() -> None:
    acted = agreed()
    acted.venue.wallet_usdt -= 100.0
    acted.run(EVERY_MS)
    acted.venue.wallet_usdt += 100.0
    acted.run(EVERY_MS)
    assert acted.book.venue.doubts == {}
    assert acted.book.venue.mismatches == ()


def test_funding_is_explained_by_its_settlement() -> None:
    acted = agreed()
    acted.fill(A, 500, 100.0)
    acted.run(3_000)
    acted.venue.wallet_usdt -= 60.0
    paid = fill(A, 0, 100.0, acted.now_ms, exec_id="f1", kind=FillKind.FUNDING, fee_usdt=60.0)
    turn = acted.turn()
    money.fold_funding(turn, FundingPaid(paid))
    acted.book = turn.book
    acted.run(EVERY_MS + 10_000)
    assert acted.book.venue.unexplained_usdt == 0.0
    assert acted.book.venue.mismatches == ()


@pytest.mark.parametrize("amount", ["2500", "-4000"])
def test_a_transfer_buys_or_sells_shares_and_leaves_their_value(amount: str) -> None:
    acted = agreed()
    acted.fill(A, 500, 100.0)
    acted.run(3_000)
    acted.price(A, 104.0)
    names = replace(acted.book.names, mark=acted.book.names.mark * 1.04)
    acted.book = replace(acted.book, names=names)
    value, equity = money.unit_value(acted.book), money.equity_usdt(acted.book)
    moved = TransferSeen("t1", Decimal(amount), acted.now_ms)
    acted.venue.wallet_usdt += float(amount)
    acted.at(acted.now_ms, moved)
    acted.at(acted.now_ms, moved)  # told twice
    acted.run(EVERY_MS + 10_000)
    assert money.unit_value(acted.book) == pytest.approx(value, rel=1e-12)
    assert money.equity_usdt(acted.book) == pytest.approx(equity + float(amount))
    assert acted.book.money.units == pytest.approx(CASH + float(amount) / value)
    assert acted.book.venue.unexplained_usdt == 0.0


def test_modes_that_could_not_be_set_block_entries_and_a_later_answer_clears_them() -> None:
    acted = agreed()
    turn = acted.turn()
    failed = ModeReport(failed=((f"leverage of {A}", "110090"),))
    reconcile.on_modes(turn, VenueReplied(Ask.MODES, "", "", T0, modes=failed))
    assert turn.book.venue.mismatches == (f"R12: leverage of {A} could not be set: 110090",)
    assert reconcile.blocks(turn.book) is Blocks.ENTRIES
    acted.book = turn.book
    acted.run(EVERY_MS)
    assert acted.book.venue.mismatches, "a reading of the account says nothing of modes"
    assert [at for at, one in acted.sent if isinstance(one, EnsureModes)], "what was refused is asked for again"
    turn = acted.turn()
    reconcile.on_modes(turn, VenueReplied(Ask.MODES, "", "", T0, modes=failed))
    assert turn.notes == [], "and told once"
    acted.sent.clear()
    turn = acted.turn()
    reconcile.on_modes(turn, VenueReplied(Ask.MODES, "", "", T0, modes=ModeReport(unchanged=("all",))))
    assert not turn.book.venue.mismatches
    reconcile.on_modes(turn, VenueReplied(Ask.MODES, "", "", T0))
    acted.book = turn.book
    acted.poke()
    acted.run(30_000)
    assert [at for at, one in acted.sent if isinstance(one, EnsureModes)] == [turn.now_ms + 10_000]
    assert turn.book.venue.mismatches == ("R12: the modes of the account could not be set: no answer",)


def test_modes_that_many_names_were_refused_in_the_same_words_are_one_line() -> None:
    acted = agreed()
    turn = acted.turn()
    names = turn.book.roster.symbols
    failed = (*((f"leverage {name}", "110090") for name in names), ("position mode", "110025"), ("leverage X", "1"))
    reconcile.on_modes(turn, VenueReplied(Ask.MODES, "", "", T0, modes=ModeReport(failed=failed)))
    lines = (
        f"R12: leverage {', '.join(names)} could not be set: 110090",
        "R12: position mode could not be set: 110025",
        "R12: leverage X could not be set: 1",
    )
    assert turn.book.venue.mismatches == lines
    loud = [note.fields["text"] for note in turn.notes if note.severity is Severity.CRITICAL]
    assert loud == list(lines)
    acted.book = turn.book
    again = acted.turn()
    reconcile.on_modes(again, VenueReplied(Ask.MODES, "", "", T0, modes=ModeReport(failed=failed)))
    assert again.notes == [], "and told once"


def test_many_names_are_cut_short() -> None:
    from xsmom.engine.reconcile.told import _some

    assert _some([f"N{at}" for at in range(30)]) == "N0, N1, N2, N3, N4, N5, N6, N7 and 22 more"


def test_a_start_forgets_what_the_venue_said_and_reads_it_anew() -> None:
    acted = agreed()
    acted.fill(A, 50, 100.0)
    acted.run(5_000)
    turn = acted.turn()
    event = Started("run", acted.now_ms, "", "", "1", acted.book.roster.instruments, 0.0, ignore=("ZZZUSDT",))
    reconcile.on_started(turn, event)
    kept = turn.book.protection[A]
    assert turn.book.venue.positions is None
    assert kept.verified_ms is None
    assert kept.stop_order_ids, "fills of the old stop are still known"
    assert turn.book.ignored == ("ZZZUSDT",)
    acted.book = replace(turn.book, started_ms=acted.now_ms)
    acted.timers.clear()
    asked = len(acted.asked())
    acted.poke()
    acted.run(5_000)
    assert acted.book.protection[A].verified_ms is not None
    assert len(acted.asked()) == asked, "the stop stood; it was only looked at again"
    assert acted.book.venue.reconciled_ms >= acted.book.started_ms


def test_adopt_and_ignore_of_the_configuration_and_of_the_start_add_up() -> None:
    acted = scene()
    acted.rules = replace(RULES, agree=replace(RULES.agree, adopt=True, ignore=("BBBUSDT",)))
    turn = acted.turn()
    event = Started("run", T0, "", "", "1", acted.book.roster.instruments, 0.0, ignore=("AAAUSDT",))
    reconcile.on_started(turn, event)
    assert turn.book.adopt
    assert turn.book.ignored == ("AAAUSDT", "BBBUSDT")


def test_a_wallet_is_judged_only_where_positions_agree() -> None:
    acted = agreed()
    made = acted.fill(A, 500, 100.0, tell=False)
    acted.venue.wallet_usdt -= 5.0
    acted.venue.fills[-1] = replace(made, fee_usdt=Decimal(5))
    acted.run(EVERY_MS + 10_000)
    assert acted.book.money.fee_usdt == 5.0
    assert acted.book.venue.unexplained_usdt == 0.0
    assert not acted.told("wallet.unexplained")


def test_the_first_look_can_come_late() -> None:
    acted = scene()
    acted.venue.deaf = lambda now: now < T0 + 30_000
    begin(acted)
    assert acted.book.venue.reconciled_ms == 0
    assert acted.book.venue.wallet_base_usdt is None
    acted.run(40_000)
    assert acted.book.venue.reconciled_ms > 0
    assert acted.book.venue.mismatches == ()
