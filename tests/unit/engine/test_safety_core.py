"""Sentinel and reconciling against the exchange core: its rows, its orders, its refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.engine.books import SYMBOLS, T0, book, quote, rules, with_stop
from tests.unit.engine.core_account import CoreAccount
from tests.unit.engine.scene import Scene
from xsmom.domain.events import FillSeen, FundingPaid, QuotesSeen
from xsmom.domain.orders import LiveOrder, Phase
from xsmom.domain.trading import FillKind, OrderRequest, VenueFill
from xsmom.engine import money, reconcile, sentinel
from xsmom.engine.rules import Rules

A, B, C = SYMBOLS
RULES = rules()


class Account:
    """The engine on an account at the core."""

    def __init__(self, obeyed: Rules = RULES) -> None:
        self.core = CoreAccount(T0, {A: 100.0, B: 50.0, C: 10.0})
        self.scene = Scene(book(obeyed), obeyed, self.core, T0)  # type: ignore[arg-type]
        turn = self.scene.turn()
        reconcile.want(turn, "start")
        self.scene.book = turn.book
        self.scene.poke()
        self.scene.run(3_500)
        assert self.scene.book.venue.reconciled_ms

    @property
    def lots(self) -> list[int]:
        """What the book holds."""
        return [int(one) for one in self.scene.book.lots]

    def buy(self, symbol: str, lots: int, name: str = "xmone", *, tell: bool = True) -> None:
        """An order at market; ours if its name says so."""
        if name.startswith("xm"):
            live = LiveOrder(OrderRequest(name, symbol, lots), name, Phase.SENT, self.scene.now_ms)
            self.scene.book = replace(self.scene.book, orders={**self.scene.book.orders, name: live})
        self.hear(self.core.order(self.scene.now_ms, symbol, lots, name), tell=tell)

    def price(self, symbol: str, price: float, *, tell: bool = True) -> None:
        """The market moves."""
        fills = self.core.price(self.scene.now_ms, symbol, price)
        self.scene.at(self.scene.now_ms, QuotesSeen((quote(symbol, price, self.scene.now_ms),)))
        self.hear(fills, tell=tell)

    def hear(self, fills: list[VenueFill], *, tell: bool = True) -> None:
        """The stream tells of executions, or loses them."""
        for one in fills if tell else ():
            kind = FundingPaid if one.kind is FillKind.FUNDING else FillSeen
            self.scene.at(self.scene.now_ms + 5, kind(one))
        self.scene.run(20)

    def row(self, symbol: str) -> dict[str, int]:
        """The position as the core has it."""
        found: dict[str, int] = self.core.core.ask({"ask": "position", "account": 0, "symbol": SYMBOLS.index(symbol)})
        return found


@pytest.fixture
def account() -> Account:
    return Account()


def test_positions_get_stops_that_the_core_verifies_in_both_views(account: Account) -> None:
    account.buy(A, 50, "xma")
    account.buy(B, -80, "xmb")
    account.scene.run(3_000)
    assert account.row(A)["stop_loss_ticks"] == 950
    assert account.row(B)["stop_loss_ticks"] == 524
    assert sentinel.coverage_frac(account.scene.book) == 1.0
    assert account.scene.book.venue.mismatches == ()


def test_a_stop_fires_at_the_core_and_is_known_as_a_stop(account: Account) -> None:
    account.buy(A, 50)
    account.scene.run(3_000)
    account.price(A, 94.5)
    account.scene.run(3_000)
    assert account.lots == [0, 0, 0]
    assert account.scene.book.held_by_hand == {}
    assert account.scene.exits == []
    # The side is barred, as after any stop.
    assert account.scene.told("position.closed")[0].fields["exit"] == "emergency_stop"


def test_the_same_when_the_stream_lost_its_execution(account: Account) -> None:
    account.buy(A, 50)
    account.scene.run(3_000)
    account.price(A, 94.5, tell=False)
    account.scene.run(RULES.agree.every_ms + 20_000)
    assert account.lots == [0, 0, 0]
    assert account.scene.book.held_by_hand == {}
    assert not account.scene.told("position.taken_over")
    assert account.scene.book.venue.unexplained_usdt == 0.0
    assert account.scene.book.venue.mismatches == ()


def test_a_cancel_all_is_mended(account: Account) -> None:
    account.buy(A, 50)
    account.scene.run(3_000)
    account.core.cancel_all(account.scene.now_ms)
    assert not account.row(A)["stop_loss_ticks"]
    account.scene.run(RULES.protect.every_ms + 2_000)
    assert account.row(A)["stop_loss_ticks"] == 950
    assert sentinel.coverage_frac(account.scene.book) == 1.0


def test_levels_are_tightened_in_place(account: Account) -> None:
    account.buy(A, 50)
    account.scene.run(3_000)
    account.scene.book = with_stop(account.scene.book, A, 97.36)
    account.scene.run(RULES.protect.every_ms + 2_000)
    assert account.row(A)["stop_loss_ticks"] == 973
    assert sentinel.coverage_frac(account.scene.book) == 1.0


def test_partial_close_flip_and_end(account: Account) -> None:
    account.buy(A, 50, "xm1")
    account.scene.run(3_000)
    account.buy(A, -20, "xm2")
    account.scene.run(3_000)
    assert sentinel.coverage_frac(account.scene.book) == 1.0
    account.buy(A, -70, "xm3")
    account.scene.run(4_000)
    assert account.lots == [-40, 0, 0]
    assert account.row(A)["stop_loss_ticks"] > 1_000
    assert sentinel.coverage_frac(account.scene.book) == 1.0
    account.buy(A, 40, "xm4")
    account.scene.run(4_000)
    assert account.lots == [0, 0, 0]
    assert account.core.core.ask({"ask": "open_orders", "account": 0}) == []


def test_an_order_that_stands_in_fires_at_the_core() -> None:
    account = Account(replace(RULES, protect=replace(RULES.protect, position_stop=False)))
    account.buy(A, 50)
    account.scene.run(4_000)
    assert sentinel.coverage_frac(account.scene.book) == 1.0
    account.scene.book = with_stop(account.scene.book, A, 97.0)
    account.scene.run(RULES.protect.every_ms + 3_000)
    (standing,) = account.core.core.ask({"ask": "open_orders", "account": 0})
    assert standing["trigger"]["ticks"] == 970
    account.price(A, 96.9)
    account.scene.run(3_000)
    assert account.lots == [0, 0, 0]
    assert account.scene.book.held_by_hand == {}
    assert account.scene.exits == []


def test_a_trade_by_hand_is_counted_protected_and_held(account: Account) -> None:
    account.buy(C, 300, "web-1")
    account.scene.run(3_000)
    assert account.lots == [0, 0, 300]
    assert C in account.scene.book.held_by_hand
    assert account.row(C)["stop_loss_ticks"]
    assert account.scene.book.venue.mismatches == ()


def test_the_wallet_is_explained_to_the_cent_over_a_day_of_trades_fees_and_funding(account: Account) -> None:
    for number, (symbol, lots, price) in enumerate(
        [(A, 50, 101.3), (B, -80, 49.1), (A, -20, 99.2), (C, 700, 10.4), (B, 130, 50.7), (A, -60, 100.1)]
    ):
        account.buy(symbol, lots, f"xm{number}")
        account.price(symbol, price)
        account.hear(account.core.funding(account.scene.now_ms, symbol, 12_000))
        account.scene.run(5_000)
    account.scene.run(RULES.agree.every_ms)
    made = account.scene.book
    assert made.money.fee_usdt > 0.0
    assert made.money.funding_usdt != 0.0
    assert made.venue.unexplained_usdt == 0.0
    assert made.venue.mismatches == ()
    wallet = account.core.read(account.scene.now_ms).account
    assert wallet is not None
    assert float(wallet.wallet_usdt) - reconcile.wallet.explained_usdt(made) == pytest.approx(0.0, abs=1e-6)
    marks = replace(made.names, mark=np.array([account.core.marks[one] for one in SYMBOLS]))
    assert money.equity_usdt(replace(made, names=marks)) == pytest.approx(float(wallet.equity_usdt), abs=1e-6)
