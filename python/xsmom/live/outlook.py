"""A rehearsed bar as a table: per name what is held, wanted and ordered, its cost, and what stands against it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from xsmom import kernel
from xsmom._core import execute_fill
from xsmom.domain.book import Book
from xsmom.domain.costs import Costs
from xsmom.domain.orders import Approved, Style
from xsmom.engine import money
from xsmom.engine.gates import GATES, NET_CAP
from xsmom.engine.plan import sizing_usdt
from xsmom.engine.sentinel import entry_stop_ticks
from xsmom.live.rehearsal import Rehearsal, depth, spread_frac

Fees = Mapping[str, tuple[Decimal, Decimal]]

_FIRES = {row.veto.value: row.fires for row in (*GATES, NET_CAP)}
_TOLD = frozenset({"order.approved", "order.refused"})


@dataclass(frozen=True, slots=True)
class Leg:
    """An order that would be sent, or that was refused; lots are signed, `wanted_lots` is what the plan asked for."""

    lots: int
    wanted_lots: int
    qty: float
    notional_usdt: float
    price: float
    purpose: str
    reduce_only: bool
    client_order_id: str
    cost_bps: float | None
    cost_usdt: float | None
    stop_price: float | None
    #: Gates that made it smaller or refused it, and what they said.
    gates: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One name."""

    symbol: str
    lots: int
    weight_now_frac: float | None
    weight_frac: float
    reason: str
    reason_text: str
    goal_lots: int
    stop_price: float | None
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """All of it."""

    rows: tuple[Row, ...]
    head: Mapping[str, Any]
    totals: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**self.head, "totals": dict(self.totals), "names": [asdict(row) for row in self.rows]}


def look_ahead(rehearsal: Rehearsal, costs: Costs, fees: Fees) -> Outlook:
    """Put a rehearsed bar into words and numbers; fees are this account's where it told them, else as configured."""
    pricer = _Pricer(rehearsal, costs, fees)
    legs: dict[str, list[Leg]] = {}
    for note in rehearsal.notes:
        if note.name in _TOLD:
            legs.setdefault(str(note.fields["symbol"]), []).append(_leg(rehearsal, note.fields, pricer))
    rows = [_row(rehearsal, at, tuple(legs.get(name, ()))) for at, name in enumerate(rehearsal.known.roster.symbols)]
    shown = tuple(row for row in rows if row.lots or row.legs or row.weight_frac or row.goal_lots)
    return Outlook(shown, _head(rehearsal), _totals(rehearsal, shown))


class _Pricer:
    """What an order costs: fees of the account, half the quoted spread, and the impact that the report assumes."""

    def __init__(self, rehearsal: Rehearsal, costs: Costs, fees: Fees) -> None:
        self._book, self._fees = rehearsal.known, fees
        share = 0.0 if rehearsal.rules.work.style is Style.MARKET else costs.maker_share_frac
        self._costs = replace(costs, maker_share_frac=share)
        self._sigma, self._adv = depth(rehearsal)

    def cost_usdt(self, symbol: str, units: float, price: float) -> float | None:
        """Above 0 is paid; None where there is no price."""
        at = self._book.roster.index(symbol)
        if at is None or not price > 0.0:
            return None
        costs, sigma, adv = self._costs, float(self._sigma[at]), float(self._adv[at])
        if symbol in self._fees:
            maker, taker = self._fees[symbol]
            costs = replace(costs, maker_bps=float(maker) * 1e4, taker_bps=float(taker) * 1e4)
        half = spread_frac(self._book.quotes.get(symbol))
        if half is not None:
            costs = replace(costs, half_spread_bps=half * 1e4)
        if not (math.isfinite(sigma) and adv > 0.0):
            costs, sigma, adv = replace(costs, impact_y=0.0), 0.0, 1.0
        _, fee, spread, impact = execute_fill(units, price, costs, sigma, adv)
        return fee + spread + impact


def _leg(rehearsal: Rehearsal, told: Mapping[str, Any], pricer: _Pricer) -> Leg:
    """One note of the engine about an order, approved or refused."""
    approved = "client_order_id" in told
    symbol, wanted = str(told["symbol"]), int(told.get("wanted_lots", told["lots"]))
    lots = int(told["lots"]) if approved else 0
    at = rehearsal.known.roster.index(symbol)
    assert at is not None, "the engine orders only names of its roster"
    price = float(told["reference_price"]) if approved else float(rehearsal.known.names.mark[at])
    qty = lots * float(rehearsal.known.roster.qty_step[at])
    cost = pricer.cost_usdt(symbol, qty, price) if lots else None
    notional = abs(qty) * price
    gates = tuple(str(veto) for veto in told["vetoes"])
    why = str(told.get("why", "")) or "; ".join(_FIRES[one] for one in gates if one in _FIRES)
    return Leg(
        lots=lots,
        wanted_lots=wanted,
        qty=qty,
        notional_usdt=notional,
        price=price,
        purpose=str(told["purpose"]),
        reduce_only=bool(told.get("reduce_only", False)),
        client_order_id=str(told.get("client_order_id", "")),
        cost_bps=None if cost is None or not notional > 0.0 else cost / notional * 1e4,
        cost_usdt=cost,
        stop_price=_stop(rehearsal, str(told.get("client_order_id", "")), at),
        gates=gates,
        why=why,
    )


def _stop(rehearsal: Rehearsal, order_id: str, at: int) -> float | None:
    """The level that would go out with an opening order."""
    task = rehearsal.known.tasks.get(order_id)
    approved: Approved | None = None if task is None else task.approved
    if approved is None:
        return None
    ticks = entry_stop_ticks(rehearsal.known, rehearsal.rules, approved.intent)
    return None if ticks is None else ticks * float(rehearsal.known.roster.price_tick[at])


def _row(rehearsal: Rehearsal, at: int, legs: tuple[Leg, ...]) -> Row:
    book = rehearsal.known
    before = rehearsal.before or book
    reason = kernel.REASONS.get(int(book.cycle.reasons[at]), "") if book.cycle.reasons.size else ""
    stop = float(book.positions["stop_price"][at])
    equity = sizing_usdt(money.equity_usdt(book), rehearsal.rules.fields)
    value = float(before.lots[at] * book.roster.qty_step[at] * book.names.mark[at]) if before.lots[at] else 0.0
    return Row(
        symbol=book.roster.symbols[at],
        lots=int(before.lots[at]),
        weight_now_frac=value / equity if math.isfinite(value) and equity > 0.0 else None,
        weight_frac=float(book.cycle.weight_frac[at]) if book.cycle.weight_frac.size else 0.0,
        reason=reason,
        reason_text=kernel.REASON_TEXTS.get(reason, ""),
        goal_lots=int(book.names.goal_lots[at]),
        stop_price=stop if book.lots[at] and math.isfinite(stop) and stop > 0.0 else None,
        legs=legs,
    )


def _head(rehearsal: Rehearsal) -> dict[str, Any]:
    book = rehearsal.known
    return {
        "close_ms": rehearsal.close_ms,
        "forming": rehearsal.forming,
        "decided": book.cycle.decided_ms == rehearsal.close_ms,
        "next_rebalance_ms": rehearsal.rebalance_ms or rehearsal.close_ms,
        "mode": book.mode.value,
        "mode_why": book.mode_why,
        "guard": book.cycle.guard,
        "guard_by": book.cycle.guard_by,
        "mismatches": list(book.venue.mismatches),
        "ramp_frac": book.limits.ramp_frac(rehearsal.now_ms),
        "capital_usdt": book.limits.capital_usdt,
        "order_usdt_max": rehearsal.rules.work.order_usdt_max,
    }


def _totals(rehearsal: Rehearsal, rows: tuple[Row, ...]) -> dict[str, Any]:
    """Of equity, at the marks of the bar; after is what would be held if every order filled whole."""
    book, rules = rehearsal.known, rehearsal.rules
    equity = money.equity_usdt(book)
    legs = [leg for row in rows for leg in row.legs if leg.lots]
    traded = sum(leg.notional_usdt for leg in legs)
    costs = [leg.cost_usdt for leg in legs]
    cost = None if any(one is None for one in costs) else sum(one for one in costs if one is not None)
    after = np.array(book.lots, dtype=np.int64)
    for row in rows:
        at = book.roster.index(row.symbol)
        assert at is not None, "rows are of the roster"
        after[at] += sum(leg.lots for leg in row.legs)
    now, then = _worth(book, book.lots), _worth(book, after)
    return {
        "equity_usdt": equity,
        "sizing_usdt": sizing_usdt(equity, rules.fields),
        "gross_usdt": now[0],
        "net_usdt": now[1],
        "gross_after_usdt": then[0],
        "net_after_usdt": then[1],
        "margin_after_frac": then[0] / rules.gates.leverage_x / equity if equity > 0.0 else None,
        "orders": len(legs),
        "refused": sum(not leg.lots for row in rows for leg in row.legs),
        "traded_usdt": traded,
        "turnover_frac": traded / equity if equity > 0.0 else None,
        "cost_usdt": cost,
        "cost_bps": None if cost is None or not traded > 0.0 else cost / traded * 1e4,
    }


def _worth(book: Book, lots: np.ndarray) -> tuple[float, float]:
    held = lots != 0
    value = np.where(held, lots * book.roster.qty_step * np.where(held, book.names.mark, 0.0), 0.0)
    return float(np.abs(value).sum()), float(value.sum())
