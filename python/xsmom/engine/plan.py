"""From targets to intents: the kernel's plan in whole lots, and which orders carry it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom import kernel
from xsmom.domain.book import Book
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import Intent, Purpose
from xsmom.engine import modes, money
from xsmom.engine.execution import working_lots
from xsmom.engine.turn import Turn

_WEEK_MS = 7 * 86_400_000


def sizing_usdt(equity: float, fields: Mapping[str, Any]) -> float:
    """Equity that may be used for sizing."""
    capital = equity * float(fields["capital_frac"])
    most = float(fields["capital_usdt_max"])
    return min(capital, most) if most > 0.0 else capital


def plan_intents(turn: Turn, row: dict[str, Any], close_ms: int, *, rebalance: bool) -> list[Intent]:
    """Plan the way from what is held (and what waits to be filled) to the targets."""
    book, rules = turn.book, turn.rules
    held = book.lots != 0
    closing = ((book.positions["closing"] != 0) | book.names.close_asked | book.names.close_ordered) & held
    turn.put(cycle=evolve(book.cycle, exited=False))
    if not book.cycle.weight_frac.size or not modes.plans(book):
        return []
    equity = money.equity_usdt(book)
    # Orders that wait count as filled.
    lots = book.lots + working_lots(book)
    done = kernel.plan(
        book.cycle.weight_frac,
        book.cycle.reasons,
        {
            "lots": lots,
            "price": row["close"],
            "mark": book.names.mark,
            "closing": closing,
            "qty_step": book.roster.qty_step,
            "notional_usdt_min": book.roster.notional_usdt_min,
            "lots_max": np.zeros(0, dtype=np.int64),
            "sizing_usdt": sizing_usdt(equity, rules.fields),
            "guard": modes.plan_guard(book, rules, turn.now_ms),
            "rebalance": rebalance,
            "cost_week_frac": cost_week_frac(book, rules.pace.bar_ms, equity),
        },
        rules.params,
    )
    legs = done["legs"]
    turn.plan_reasons = done["reasons"]
    turn.put(names=evolve(turn.book.names, goal_lots=done["goal_lots"]))
    if legs:
        turn.put(last_plan_ms=turn.now_ms)
        turn.note("plan.made", close_ms=close_ms, legs=len(legs), rebalance=rebalance)
    atr = row.get("atr")
    return [
        _intent(
            turn.book, leg, number, closing, _at(atr, leg[0]), float(row["close"][leg[0]]), close_ms, rules.work.style
        )
        for number, leg in enumerate(legs)
    ]


def cost_week_frac(book: Book, bar_ms: int, equity: float) -> float:
    """Cost of the newest seven days as a share of equity; before a week has passed, of what there is."""
    week = book.cycle.paid_week
    before = week[0] if len(week) > _WEEK_MS // bar_ms else 0.0
    return (book.money.paid_usdt - before) / equity


def _intent(
    book: Book,
    leg: tuple[int, int, bool],
    number: int,
    closing: NDArray[np.bool_],
    atr: float,
    price: float,
    close_ms: int,
    style: Any,
) -> Intent:
    at, lots, reduce_only = leg
    purpose = Purpose.REBALANCE
    if reduce_only and closing[at]:
        purpose = Purpose.EXIT
    elif reduce_only and book.cycle.guard == "flatten":
        purpose = Purpose.FLATTEN
    exit_by = kernel.EXITS.get(int(book.positions["closing"][at]), "") if purpose is Purpose.EXIT else ""
    return Intent(
        symbol=book.roster.symbols[at],
        lots=lots,
        reduce_only=reduce_only,
        purpose=purpose,
        style=style,
        reference_price=price,
        atr=atr,
        decided_ms=close_ms,
        leg=number,
        exit_by=exit_by,
    )


def _at(values: Any, at: int) -> float:
    return float("nan") if values is None or not len(values) else float(values[at])
