"""Money that the owner moves, through the wire: while the trader runs, and while it is down."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.live.test_live_process import on_market
from tests.e2e.live.trader import Trader, settled
from xsmom.domain.book import Mode
from xsmom.domain.events import Command, TransferSeen
from xsmom.engine import money, sentinel
from xsmom.engine.step import grow, step
from xsmom.live.control import write_command
from xsmom.live.recovery import recover
from xsmom.store.memory import MemoryJournal

# Any of the amounts below, taken for a result, would be a loss beyond these.
TIGHT = {"risk.max_daily_loss_pct": 5.0, "risk.max_portfolio_drawdown_pct": 6.0, "risk.max_longterm_drawdown_pct": 6.5}
MEASURED = ("day_open_value", "day_high_value", "today_high_value", "high_value", "peak_value", "last_value")


def told_transfers(trader) -> list[float]:
    """Fold the journal again, and look at each transfer: the value of a share, and what guards measure by, stand."""
    rules, journal = trader.setting.rules, trader.journal
    window, amounts = recover(MemoryJournal(), rules, trader.book.roster).window, []
    book: Any = None
    for entry in journal.entries(0):
        before: Any = book
        grow(window, entry.event)
        book, _, _ = step(book, window, entry.event, entry.at_ms, rules)
        if isinstance(entry.event, TransferSeen) and book.money.transfers_usdt != before.money.transfers_usdt:
            amounts.append(float(entry.event.amount_usdt))
            assert money.unit_value_now(book) == pytest.approx(money.unit_value_now(before), rel=1e-12)
            assert money.equity_usdt(book) == pytest.approx(money.equity_usdt(before) + amounts[-1])
            assert [book.guards[name] for name in MEASURED] == [before.guards[name] for name in MEASURED]
    assert book.money == trader.book.money
    return amounts


def is_explained(book) -> bool:
    venue = book.venue
    return not venue.doubts and not venue.unexplained_usdt and not venue.mismatches


@on_market
async def test_a_deposit_and_withdrawals_while_running_and_while_down_move_no_return(rig, venue, tmp_path):
    async with Trader(rig, venue, tmp_path, **TIGHT) as trader:
        await trader.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        rig.world.transfer("main", "-700")
        await trader.until(lambda book: book.money.transfers_usdt == -700.0 and is_explained(book))
        rig.world.transfer("main", "1500")
        await trader.until(lambda book: book.money.transfers_usdt == 800.0 and is_explained(book))
        await trader.kill()
    rig.world.transfer("main", "2500.5")
    rig.world.transfer("main", "-900")
    again = Trader(rig, venue, tmp_path, journal=trader.journal, **TIGHT)
    async with again:
        await again.until(lambda book: book.money.transfers_usdt == 2_400.5 and is_explained(book))
        await again.until(lambda book: book.mode is Mode.TRADING)
        assert told_transfers(again) == [-700.0, 1_500.0, 2_500.5, -900.0]
        for notes in (trader.notes, again.notes):
            names = {note.name for note in notes.told}
            assert {name for name in names if name.startswith("guard.")} == set()
            assert "wallet.unexplained" not in names
            assert "book.mismatched" not in names


@on_market
async def test_interest_is_named_and_blocks_entries_until_it_is_classified(rig, venue, tmp_path):
    async with Trader(rig, venue, tmp_path) as trader:
        await trader.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        rig.world.transfer("main", "-120", "INTEREST")
        await trader.until(lambda book: any("INTEREST -120.00" in one for one in book.venue.mismatches))
        assert trader.book.money.transfers_usdt == 0.0
        value = money.unit_value(trader.book)
        write_command(tmp_path, Command.CLASSIFY, by="test", reason="a loan", args={"kind": "result"})
        await trader.until(is_explained)
        assert trader.book.money.corrections_usdt == pytest.approx(-120.0)
        assert money.unit_value(trader.book) < value
