"""Net of the two legs: what one side was refused, the other may not open either.

A plan is balanced as a whole. When gates refuse or shrink a part of it, the rest would leave the book with more net
than anybody wanted; so openings of the heavier side are cut in proportion, until the net is what the plan wanted, or
within its cap, whichever is more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xsmom.domain.book import Book
from xsmom.domain.orders import Allow, Intent, Shrink, Verdict, Veto
from xsmom.engine.execution.pairs import net_cap_frac, sizing_usdt
from xsmom.engine.facts import equity_usdt, lot_usdt, working_orders
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules

Leg = tuple[Intent, int]
"""An intent, and the lots (unsigned) that it is allowed so far."""


def cap_usdt(book: Book, rules: Rules) -> float:
    """Largest net, in USDT, as the plan and the pairs of execution have it; NaN where equity is not known."""
    if math.isnan(equity_usdt(book)):
        return math.nan
    return net_cap_frac(rules) * sizing_usdt(book, rules)


def net_usdt(book: Book) -> float:
    """Net of what is held and of what works, at the marks; a name without one counts as 0, as in the plan."""
    lots = book.lots.astype(np.float64)
    for order in working_orders(book):
        at = book.roster.index(order.symbol)
        if at is not None:
            lots[at] += order.left_lots
    return float(np.dot(lots * book.roster.qty_step, np.nan_to_num(book.names.mark)))


def balance(legs: Sequence[Leg], book: Book, rules: Rules) -> list[Verdict]:
    """A verdict for each leg of one batch, reductions included (they are always allowed)."""
    if all(lots == abs(intent.lots) for intent, lots in legs):
        return [ALLOW for _ in legs]
    values = [_signed(intent, abs(intent.lots), book) for intent, _ in legs]
    before, cap = net_usdt(book), cap_usdt(book, rules)
    if math.isnan(cap):
        return [blind("equity is not known") for _ in legs]
    limit = max(cap, abs(before + sum(values)))
    after = before + sum(_signed(intent, lots, book) for intent, lots in legs)
    over = abs(after) - limit
    heavier = 1 if after > 0 else -1
    opening = [not intent.reduce_only and intent.lots * heavier > 0 for intent, _ in legs]
    room = sum(abs(_signed(intent, lots, book)) for (intent, lots), cut in zip(legs, opening, strict=True) if cut)
    if not over > 0.0 or not room > 0.0:
        return [ALLOW for _ in legs]
    kept = max(1.0 - over / room, 0.0)
    return [
        _cut(lots, kept, abs(intent.lots)) if cut else ALLOW for (intent, lots), cut in zip(legs, opening, strict=True)
    ]


def _signed(intent: Intent, lots: int, book: Book) -> float:
    value = lot_usdt(book, intent)
    return 0.0 if math.isnan(value) else math.copysign(lots * value, intent.lots)


def _cut(lots: int, kept: float, wanted: int) -> Shrink | Allow:
    left = math.floor(lots * kept)
    return Shrink(left, Veto.NET_CAP) if left < wanted else ALLOW
