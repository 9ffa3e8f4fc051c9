"""A small book to stand on: three contracts, no history, positions by fills."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from xsmom import _core, kernel
from xsmom.domain.book import Book, Cycle, Mode, Money, Names, Roster
from xsmom.domain.market_data import Instrument, MarginTier, Quote, Trading
from xsmom.domain.trading import FillKind, VenueFill
from xsmom.engine import money
from xsmom.engine.rules import PaceRules, Rules
from xsmom.engine.turn import Turn

T0 = 1_700_000_000_000
HOUR_MS = 3_600_000
SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
CASH = 10_000.0


def instrument(symbol: str, tick: str = "0.1", step: str = "0.01") -> Instrument:
    """A contract with one tier."""
    return Instrument(
        symbol=symbol,
        base=symbol[:3],
        quote="USDT",
        price_tick=Decimal(tick),
        qty_step=Decimal(step),
        lots_min=1,
        lots_max=1_000_000,
        lots_max_market=1_000_000,
        notional_usdt_min=Decimal(5),
        contract_size=Decimal(1),
        leverage_x_max=Decimal(10),
        funding_interval_ms=8 * HOUR_MS,
        trading=Trading.OPEN,
        listed_ms=0,
        tiers=(MarginTier(Decimal(10_000_000), Decimal("0.01"), Decimal(0), Decimal(10)),),
    )


def rules(**fields: Any) -> Rules:
    """Rules with the kernel's defaults; a catastrophic stop of 3.5 ATR."""
    given = {**_core.params_defaults(), "bar_ms": HOUR_MS, **fields}
    return Rules(params=kernel.Params(**given), fields=given, pace=PaceRules(bar_ms=HOUR_MS))


def book(obeyed: Rules, *instruments: Instrument, now_ms: int = T0) -> Book:
    """A book that holds nothing, on an account that it has agreed with."""
    roster = Roster.of(instruments or tuple(instrument(one) for one in SYMBOLS))
    names = len(roster)
    made = Book(
        seq=0,
        as_of_ms=now_ms,
        run_id="run",
        mode=Mode.TRADING,
        mode_ms=now_ms,
        mode_why="",
        started_ms=now_ms,
        first_ms=now_ms,
        config_hash="",
        roster=roster,
        money=Money(cash_usdt=CASH, units=CASH),
        names=replace(Names.blank(names), mark=np.full(names, 100.0)),
        cycle=Cycle(weight_frac=np.zeros(names), reasons=np.zeros(names, dtype=np.uint8), atr=np.full(names, np.nan)),
        positions=kernel.flat_positions(names),
        records=kernel.new_records(names),
        guards=kernel.new_guards(names),
        decision=kernel.new_state(names, obeyed.params),
    )
    return replace(made, health=replace(made.health, streaming=True))


def fill(
    symbol: str,
    lots: int,
    price: float,
    at_ms: int,
    *,
    exec_id: str = "",
    order_id: str = "o",
    name: str = "",
    kind: FillKind = FillKind.TRADE,
    seq: int = 0,
    fee_usdt: float = 0.0,
) -> VenueFill:
    """An execution."""
    return VenueFill(
        exec_id=exec_id or f"{symbol}-{lots}-{price}-{at_ms}",
        order_id=order_id,
        client_order_id=name,
        symbol=symbol,
        kind=kind,
        lots=lots,
        price=Decimal(repr(price)),
        fee_usdt=Decimal(repr(fee_usdt)),
        is_maker=False,
        seq=seq,
        at_ms=at_ms,
    )


def holding(obeyed: Rules, made: Book, symbol: str, lots: int, price: float, stop_price: float | None = None) -> Book:
    """The same book with a position, and with a level of the kernel where one is given."""
    turn = Turn(made, obeyed, made.as_of_ms)
    money.fold_fill(turn, fill(symbol, lots, price, made.as_of_ms))
    return turn.book if stop_price is None else with_stop(turn.book, symbol, stop_price)


def with_stop(made: Book, symbol: str, stop_price: float) -> Book:
    """Another level of the kernel."""
    at = made.roster.index(symbol)
    levels = np.array(made.positions["stop_price"])
    levels[at] = stop_price
    return replace(made, positions={**made.positions, "stop_price": levels})


def quote(symbol: str, price: float, at_ms: int) -> Quote:
    """One price for everything."""
    one = Decimal(repr(price))
    return Quote(symbol, at_ms, one, one, one, one, one, Decimal(1_000_000), None, None)
