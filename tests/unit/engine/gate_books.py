"""A healthy book of three names, as the gates' tests bend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from xsmom.config.load import load_config
from xsmom.domain.book import Book, Cycle, Health, Mode, Money, Names, Roster, VenueFacts
from xsmom.domain.market_data import Instrument, Trading
from xsmom.domain.orders import Approved, Intent, LiveOrder, Phase, Purpose, Style, Task, client_order_id
from xsmom.domain.protection import Protection
from xsmom.domain.trading import AccountView, OrderRequest, PositionView
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn
from xsmom.kernel import flat_positions, new_guards, new_records, new_state

HOUR_MS = 3_600_000
NOW_MS = 1_800_000_000_000 // (4 * HOUR_MS) * 4 * HOUR_MS
SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
PRICES = (100.0, 10.0, 1.0)


def rules(settings: dict[str, Any] | None = None, **gates: Any) -> Rules:
    """Rules of the default configuration, with settings, and with fields of the gates changed."""
    made = Rules.of(load_config(None, set=settings, env={})) if settings else _default()
    return replace(made, gates=replace(made.gates, **gates))


@cache
def _default() -> Rules:
    return Rules.of(load_config(None, env={}))


def instrument(symbol: str, **changes: Any) -> Instrument:
    made = Instrument(
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        price_tick=Decimal("0.01"),
        qty_step=Decimal("0.1"),
        lots_min=1,
        lots_max=1_000_000,
        lots_max_market=1_000_000,
        notional_usdt_min=Decimal(5),
        contract_size=Decimal(1),
        leverage_x_max=Decimal(50),
        funding_interval_ms=8 * HOUR_MS,
        trading=Trading.OPEN,
        listed_ms=0,
    )
    return replace(made, **changes)


def account(**changes: Any) -> AccountView:
    made = AccountView(
        equity_usdt=Decimal(10_000),
        wallet_usdt=Decimal(10_000),
        available_usdt=Decimal(8_000),
        initial_margin_usdt=Decimal(2_000),
        maintenance_margin_usdt=Decimal(200),
        maintenance_rate_frac=Decimal("0.02"),
        at_ms=NOW_MS,
    )
    decimals: dict[str, Any] = {name: Decimal(str(value)) for name, value in changes.items()}
    return replace(made, **decimals)


def position_view(symbol: str, lots: int, mark: float, liquidation: float | None = None) -> PositionView:
    return PositionView(
        symbol=symbol,
        lots=lots,
        entry_price=Decimal(str(mark)),
        mark_price=Decimal(str(mark)),
        unrealised_usdt=Decimal(0),
        initial_margin_usdt=Decimal(0),
        maintenance_margin_usdt=Decimal(0),
        liquidation_price=None if liquidation is None else Decimal(str(liquidation)),
        leverage_x=Decimal(5),
        stop_loss_ticks=None,
        take_profit_ticks=None,
        seq=1,
        at_ms=NOW_MS,
    )


def book(lots: Sequence[int] = (0, 0, 0), *, equity_usdt: float = 10_000.0, **changes: Any) -> Book:
    """TRADING, everything known and fresh; held lots have verified stops and the venue agrees."""
    roster = Roster.of(tuple(instrument(symbol) for symbol in SYMBOLS))
    names = Names.blank(3)
    mark = np.array(PRICES)
    held = np.array(lots, dtype=np.int64)
    value = float(np.dot(held * roster.qty_step, mark))
    views = {name: position_view(name, int(n), p) for name, n, p in zip(SYMBOLS, held, PRICES, strict=True) if n}
    params = rules().params
    made = Book(
        seq=100,
        as_of_ms=NOW_MS,
        run_id="test",
        mode=Mode.TRADING,
        mode_ms=NOW_MS - HOUR_MS,
        mode_why="",
        started_ms=NOW_MS - 10 * HOUR_MS,
        first_ms=NOW_MS - 1_000 * HOUR_MS,
        config_hash="",
        roster=roster,
        money=Money(cash_usdt=equity_usdt - value, units=equity_usdt),
        names=replace(names, mark=mark, goal_lots=held, trip_flow_usdt=-held * roster.qty_step * mark),
        cycle=Cycle(touched_ms=NOW_MS, marked_ms=NOW_MS, closed_ms=NOW_MS, decided_ms=NOW_MS, weight_frac=np.zeros(3)),
        positions={**flat_positions(3), "lots": held},
        records=new_records(3),
        guards=new_guards(3),
        decision=new_state(3, params),
        protection={name: Protection(verified_ms=NOW_MS) for name in views},
        health=Health(lag_ms=50.0, skew_ms=5.0, skew_bound_ms=20.0, link_ms=NOW_MS, streaming=True),
        venue=VenueFacts(
            account=account(),
            account_ms=NOW_MS,
            positions=views,
            positions_ms=NOW_MS,
            orders_ms=NOW_MS,
            reconciled_ms=NOW_MS,
        ),
    )
    return replace(made, **changes)


def turn(of: Book | None = None, by: Rules | None = None, now_ms: int = NOW_MS) -> Turn:
    return Turn(of or book(), by or rules(), now_ms)


def entry(symbol: str = "AAAUSDT", lots: int = 10, **changes: Any) -> Intent:
    """An opening: 10 lots of AAA are 100 USDT."""
    made = Intent(
        symbol=symbol,
        lots=lots,
        reduce_only=False,
        purpose=Purpose.REBALANCE,
        style=Style.POST_ONLY,
        reference_price=PRICES[SYMBOLS.index(symbol)] if symbol in SYMBOLS else 1.0,
        atr=1.0,
        decided_ms=NOW_MS,
    )
    return replace(made, **changes)


def live(
    symbol: str, lots: int, phase: Phase = Phase.WORKING, *, reduce_only: bool = False, name: str = ""
) -> LiveOrder:
    request = OrderRequest(name or f"xm-{symbol}-{lots}", symbol, lots, price_ticks=1, reduce_only=reduce_only)
    return LiveOrder(request=request, parent_id=request.client_order_id, phase=phase, sent_ms=NOW_MS)


def worked(intent: Intent) -> tuple[Task, LiveOrder]:
    """A task, and the order that works all of it."""
    approved = Approved(intent, intent.lots, client_order_id("test", intent))
    name = approved.client_order_id
    request = OrderRequest(name, intent.symbol, intent.lots, price_ticks=1, reduce_only=intent.reduce_only)
    task = Task(approved, started_ms=NOW_MS, deadline_ms=NOW_MS + 60_000, children=1)
    return task, LiveOrder(request=request, parent_id=name, phase=Phase.WORKING, sent_ms=NOW_MS)


def under_way(lots: Sequence[int], *some: tuple[Task, LiveOrder], **changes: Any) -> Book:
    """A book with tasks and their orders."""
    tasks = {one.approved.client_order_id: one for one, _ in some}
    return book(lots, tasks=tasks, orders={one.client_order_id: one for _, one in some}, **changes)


def told(of: Turn) -> list[str]:
    return [note.name for note in of.notes]
