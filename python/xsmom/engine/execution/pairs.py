"""Legs in pairs: what is held and what may fill never leans further to one side than the net cap.

The worst is assumed: all live orders of one side fill, and none of the other. An entry goes out only as far as there is
room on its side; as the other side fills, room comes back. So when one side is refused or stays unfilled, the opposite
entries are withheld by themselves, or trimmed to what is left of the room. Reductions count, and are never held.

A cap narrower than the smallest order would stop everything: one such order may go where its side has nothing live and
the book does not lean that way. Then |net| stays within the cap or that one order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xsmom.domain.book import Book
from xsmom.engine.execution.bench import Bench
from xsmom.engine.rules import Rules


@dataclass(slots=True)
class Exposure:
    """Signed worth of what is held, and worth of what may still fill on either side, USDT."""

    limit_usdt: float
    held_usdt: float
    buying_usdt: float
    selling_usdt: float

    @classmethod
    def of(cls, bench: Bench, rules: Rules) -> Exposure:
        """As things stand."""
        book = bench.book
        mark, step = book.names.mark, book.roster.qty_step
        worth = np.where(book.lots != 0, book.lots * step * mark, 0.0)
        held, buying, selling = math.fsum(worth[np.isfinite(worth)]), 0.0, 0.0
        places = {symbol: at for at, symbol in enumerate(book.roster.symbols)}
        for order in bench.orders.values():
            at = places.get(order.symbol)
            if at is None or order.protective:
                continue
            task = bench.task_of(order)
            price = float(mark[at])
            if not math.isfinite(price) and task is not None:
                price = task.approved.intent.reference_price
            price = price if math.isfinite(price) else 0.0
            unit = float(step[at]) * price
            held += order.untold_lots * unit
            left = order.left_lots * unit
            buying, selling = buying + max(left, 0.0), selling + max(-left, 0.0)
        return cls(net_cap_frac(rules) * sizing_usdt(book, rules), held, buying, selling)

    def room_lots(self, side: int, unit_usdt: float, least: int) -> int:
        """Lots that may go out on a side, unsigned."""
        live = self.buying_usdt if side > 0 else self.selling_usdt
        room_usdt = self.limit_usdt - (side * self.held_usdt + live)
        lots = max(math.floor(room_usdt / unit_usdt), 0) if unit_usdt > 0.0 else 0
        if lots < least and live == 0.0 and side * self.held_usdt <= 0.0:
            return least
        return lots

    def add(self, side: int, usdt: float) -> None:
        """An order more is out; one that nobody can value counts as nothing."""
        usdt = usdt if math.isfinite(usdt) else 0.0
        if side > 0:
            self.buying_usdt += usdt
        else:
            self.selling_usdt += usdt


class Room:
    """The exposure of one step, reckoned when an entry first asks for it."""

    def __init__(self, bench: Bench, rules: Rules) -> None:
        self._bench, self._rules = bench, rules
        self._exposure: Exposure | None = None

    def lots(self, side: int, unit_usdt: float, least: int) -> int:
        """Lots that may go out on a side now, unsigned."""
        if self._exposure is None:
            self._exposure = Exposure.of(self._bench, self._rules)
        return self._exposure.room_lots(side, unit_usdt, least)

    def add(self, side: int, usdt: float) -> None:
        """An order more is out."""
        if self._exposure is not None:
            self._exposure.add(side, usdt)


def net_cap_frac(rules: Rules) -> float:
    """The cap that the plan obeys: where the router may lean, its own if that is wider."""
    cap = float(rules.fields["net_cap_frac"])
    return max(cap, float(rules.fields["router_net_cap_frac"])) if rules.fields["router_enabled"] else cap


def sizing_usdt(book: Book, rules: Rules) -> float:
    """Equity that weights are shares of."""
    worth = np.where(book.lots != 0, book.lots * book.roster.qty_step * book.names.mark, 0.0)
    capital = (book.money.cash_usdt + math.fsum(worth[np.isfinite(worth)])) * float(rules.fields["capital_frac"])
    most = float(rules.fields["capital_usdt_max"])
    return max(min(capital, most) if most > 0.0 else capital, 0.0)
