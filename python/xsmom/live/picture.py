"""What a book looks like from outside: its positions, its money, its clock, and what is wrong with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from xsmom import kernel
from xsmom.domain.book import Book
from xsmom.engine import money, sentinel
from xsmom.engine.gates.liquidation_near import distance_frac
from xsmom.engine.rules import Rules
from xsmom.engine.watch import trip_usdt


def known(value: float) -> float | None:
    """The number, or None for one that is not known."""
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Holding:
    """A position. Result and funding are since its first fill; `funding_usdt` above 0 was paid."""

    symbol: str
    side: str
    lots: int
    qty: float
    entry_price: float
    mark: float | None
    value_usdt: float | None
    weight_frac: float | None
    unrealised_usdt: float | None
    result_usdt: float | None
    funding_usdt: float
    opened_ms: int
    goal_lots: int
    #: The level that the book keeps, which rule laid it, and how far the mark is from it.
    stop_price: float | None
    stop_by: str
    stop_distance_frac: float | None
    #: What was last seen on the exchange, and whether both views of it agree.
    stop_on_exchange: float | None
    stop_verified: bool
    liquidation_price: float | None
    liquidation_distance_frac: float | None
    by_hand: str
    closing: bool
    #: Mark over spot index, basis points, when it was opened and now; None where the exchange told no index.
    basis_bps_entry: float | None = None
    basis_bps_now: float | None = None


def holdings(book: Book) -> list[Holding]:
    """Every position, largest first."""
    found = [_holding(book, int(at)) for at in np.flatnonzero(book.lots)]
    return sorted(found, key=lambda one: -abs(one.value_usdt or 0.0))


def _holding(book: Book, at: int) -> Holding:
    symbol, columns, roster = book.roster.symbols[at], book.positions, book.roster
    lots, mark = int(book.lots[at]), float(book.names.mark[at])
    qty, entry = lots * float(roster.qty_step[at]), float(columns["entry_price"][at])
    stop, side = float(columns["stop_price"][at]), 1.0 if lots > 0 else -1.0
    kept = book.protection.get(symbol)
    ticks = None if kept is None else kept.stop_ticks
    equity = money.equity_usdt(book)
    view = (book.venue.positions or {}).get(symbol)
    level = None if view is None else view.liquidation_price
    return Holding(
        symbol=symbol,
        side="long" if lots > 0 else "short",
        lots=lots,
        qty=qty,
        entry_price=entry,
        mark=known(mark),
        value_usdt=known(qty * mark),
        weight_frac=known(qty * mark / equity) if equity > 0.0 else None,
        unrealised_usdt=known(qty * (mark - entry)),
        result_usdt=known(trip_usdt(book, at)),
        funding_usdt=-float(columns["funding_usdt_cum"][at]),
        opened_ms=int(columns["opened_ms"][at]),
        goal_lots=int(book.names.goal_lots[at]),
        stop_price=known(stop),
        stop_by=kernel.EXITS.get(int(columns["stop_by"][at]), ""),
        stop_distance_frac=known(side * (mark - stop) / mark) if mark > 0.0 else None,
        stop_on_exchange=None if ticks is None else ticks * float(roster.price_tick[at]),
        stop_verified=kept is not None and kept.verified_ms is not None,
        liquidation_price=None if level is None else float(level),
        liquidation_distance_frac=None if view is None else known(distance_frac(view)),
        by_hand=book.held_by_hand.get(symbol, ""),
        closing=bool(columns["closing"][at]) or bool(book.names.close_asked[at] or book.names.close_ordered[at]),
        basis_bps_entry=known(float(columns["basis_bps_entry"][at])),
        basis_bps_now=known(money.basis_bps(book, symbol, book.as_of_ms)),
    )


def mean_basis_bps(book: Book) -> dict[str, float | None]:
    """What the positions stand above spot, signed by side and weighted by their worth: what is paid for if it closes.

    Above 0: longs are dearer than spot, or shorts cheaper. None where nothing is held or no index is known.
    """
    found = holdings(book)

    def mean(values: list[tuple[float, float]]) -> float | None:
        weight = sum(abs(worth) for worth, _ in values)
        return sum(worth * basis for worth, basis in values) / weight if weight > 0.0 else None

    def of(name: str) -> float | None:
        pairs = [(one.value_usdt, getattr(one, name)) for one in found]
        return mean([(worth, basis) for worth, basis in pairs if worth is not None and basis is not None])

    return {"basis_bps_entry": of("basis_bps_entry"), "basis_bps_now": of("basis_bps_now")}


def next_decision_ms(book: Book, rules: Rules, now_ms: int) -> int:
    """The next close after the newest one that is known at which targets are decided."""
    bar_ms, fields = rules.pace.bar_ms, rules.fields
    every, offset = int(fields["rebalance_bars"]), int(fields["rebalance_offset_bars"])
    place = (book.cycle.closed_ms or now_ms) // bar_ms + 1
    return int((place + (offset - place) % every) * bar_ms)


def bounds(book: Book, now_ms: int) -> dict[str, Any]:
    """What bounds the size beside the strategy, as the newest start has settled it."""
    limits = book.limits
    ramping = not limits.ramp_ended(now_ms)
    return {
        "capital_usdt": limits.capital_usdt,
        "order_usdt_max": limits.order_usdt_max,
        "ramp_frac": limits.ramp_frac(now_ms),
        "ramp_since_ms": limits.ramp_since_ms if limits.ramp else None,
        "ramp_ends_ms": limits.ramp_since_ms + limits.ramp[-1][0] if ramping else None,
    }


def purse(book: Book) -> dict[str, Any]:
    """The money: what it is worth, what it has cost; cumulative since the first start."""
    now, (net, gross) = book.money, money.value_usdt(book)
    value = money.unit_value(book)
    account = book.venue.account
    return {
        "equity_usdt": known(now.cash_usdt + net),
        "cash_usdt": now.cash_usdt,
        "net_usdt": known(net),
        "gross_usdt": known(gross),
        "unit_value": known(value),
        "unit_value_peak": now.unit_value_peak,
        "drawdown_frac": known(max(1.0 - value / now.unit_value_peak, 0.0)) if now.unit_value_peak > 0.0 else None,
        "fee_usdt": now.fee_usdt,
        "slippage_usdt": now.slippage_usdt,
        "funding_usdt": now.funding_usdt,
        "traded_usdt": now.traded_usdt,
        "fills": now.fills,
        "transfers_usdt": now.transfers_usdt,
        "corrections_usdt": now.corrections_usdt,
        "wallet_usdt": None if account is None else float(account.wallet_usdt),
        "account_equity_usdt": None if account is None else float(account.equity_usdt),
        "account_at_ms": None if account is None else book.venue.account_ms,
        "unexplained_usdt": book.venue.unexplained_usdt,
        **mean_basis_bps(book),
    }


def state(book: Book) -> dict[str, Any]:
    """What it may do now and why, what stands, and what is wrong."""
    held = int(np.count_nonzero(book.lots))
    naked = [one.symbol for one in holdings(book) if not one.stop_verified]
    working = [one for one in book.orders.values() if not one.phase.final]
    return {
        "mode": book.mode.value,
        "mode_why": book.mode_why,
        "mode_since_ms": book.mode_ms,
        "positions": held,
        "coverage_frac": sentinel.coverage_frac(book),
        "unverified": naked,
        "orders_open": len(working),
        "orders_unknown": sum(one.phase.value == "unknown" for one in working),
        "kill": {
            "active": book.kill.active,
            "flatten": book.kill.flatten,
            "reason": book.kill.reason,
            "by": book.kill.by,
            "at_ms": book.kill.at_ms,
        },
        "guard": book.cycle.guard,
        "guard_by": book.cycle.guard_by,
        "closed_ms": book.cycle.closed_ms,
        "decided_ms": book.cycle.decided_ms,
        "mismatches": list(book.venue.mismatches),
        "foreign": list(book.venue.foreign),
        "held_by_hand": dict(book.held_by_hand),
        "unread": [f"{what}: {why}" for what, why in book.venue.unread],
        "paused": book.paused,
        "flattening": book.flattening,
        "stopping": book.stopping,
        "breaker_until_ms": book.health.breaker_until_ms,
        "maintenance": book.health.maintenance,
        "unexplained_usdt": book.venue.unexplained_usdt,
    }
