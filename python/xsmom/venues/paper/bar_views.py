"""What an account of bars shows through the port."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from xsmom.domain.trading import (
    AccountView,
    ModeReport,
    Modes,
    OrderState,
    OrderView,
    PositionView,
    Trigger,
    TriggerBy,
)

if TYPE_CHECKING:
    from xsmom.venues.paper.bar_stages import BarStages


def account(venue: BarStages) -> AccountView:
    """Money and margin at the last marks."""
    equity = Decimal(venue.book.equity_usdt)
    rows = [position(venue, venue.panel.symbols[number]) for number in venue.book.held()]
    initial = sum((row.initial_margin_usdt for row in rows), Decimal(0))
    maintenance = sum((row.maintenance_margin_usdt for row in rows), Decimal(0))
    unrealised = sum((row.unrealised_usdt for row in rows), Decimal(0))
    return AccountView(
        equity_usdt=equity,
        wallet_usdt=equity - unrealised,
        available_usdt=equity - initial,
        initial_margin_usdt=initial,
        maintenance_margin_usdt=maintenance,
        maintenance_rate_frac=maintenance / equity if equity > 0 else Decimal(0),
        at_ms=venue.at_ms,
    )


def position(venue: BarStages, symbol: str) -> PositionView:
    """One position at its last mark."""
    column = venue.market.column[symbol]
    book, lots = venue.book, venue.book.lots[column]
    value = Decimal(float(book.values()[column]))
    cost = Decimal(book.cost_price_lots[column]) * venue.step(symbol)
    stop_loss, take_profit = venue.stops.get(symbol, (None, None))
    mark = float(book.mark[column])
    return PositionView(
        symbol=symbol,
        lots=lots,
        entry_price=Decimal(book.cost_price_lots[column]) / lots if lots else None,
        mark_price=Decimal(mark if mark == mark else 0.0),  # noqa: PLR0124  no price yet
        unrealised_usdt=value - cost if lots else Decimal(0),
        initial_margin_usdt=abs(value) / venue.leverage_x[symbol],
        maintenance_margin_usdt=_maintenance(venue, column, abs(value)),
        liquidation_price=None,
        leverage_x=venue.leverage_x[symbol],
        stop_loss_ticks=stop_loss,
        take_profit_ticks=take_profit,
        seq=len(venue.orders.fills),
        at_ms=venue.at_ms,
    )


def _maintenance(venue: BarStages, column: int, value: Decimal) -> Decimal:
    """One rate, or each slice of the value at the rate of its own tier."""
    if venue.tiers is None:
        return value * Decimal(venue.margin.maintenance_frac)
    rows = venue.tiers[column]
    bounds = [0.0, *(most for most, _ in rows[:-1]), float("inf")]
    slices = zip(pairwise(bounds), rows, strict=True)
    reached = [(max(0.0, min(float(value), most) - least), rate) for (least, most), (_, rate) in slices]
    return Decimal(sum(part * rate for part, rate in reached))


def stop_orders(venue: BarStages) -> list[OrderView]:
    """The stops that were noted, as the orders that they would be."""
    told = []
    for symbol, legs in sorted(venue.stops.items()):
        lots = venue.book.lots[venue.market.column[symbol]]
        for name, ticks, rising in (("sl", legs[0], lots < 0), ("tp", legs[1], lots > 0)):
            if ticks is not None:
                trigger = Trigger(ticks, TriggerBy.MARK, rising)
                told.append(_stop_order(venue, f"{name}-{symbol}", symbol, -lots, trigger))
    return told


def _stop_order(venue: BarStages, name: str, symbol: str, lots: int, trigger: Trigger) -> OrderView:
    return OrderView(
        order_id=name,
        client_order_id="",
        symbol=symbol,
        lots=lots,
        filled_lots=0,
        average_price=None,
        price_ticks=None,
        trigger=trigger,
        reduce_only=True,
        of_position=True,
        state=OrderState.UNTRIGGERED,
        reason="",
        created_ms=venue.at_ms,
        at_ms=venue.at_ms,
    )


def fixed_modes(modes: Modes) -> ModeReport:
    """Cross margin and one-way mode: what paper accounts always have."""
    unchanged, failed = [], []
    for name, kept, other in (
        ("margin mode", modes.cross_margin, "isolated margin is not simulated"),
        ("position mode", modes.one_way, "hedge mode is not supported"),
    ):
        if kept:
            unchanged.append(name)
        else:
            failed.append((name, other))
    return ModeReport((), tuple(unchanged), tuple(failed))
