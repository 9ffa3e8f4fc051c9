"""How many lots go out: what is released and not out yet, within the exchange's limits and ours.

An order that reduces is cut to what is left of the position: together, such orders never reach beyond 0.
"""

from __future__ import annotations

import math

from xsmom.domain.market_data import Instrument
from xsmom.domain.orders import Task
from xsmom.engine.execution.bench import Bench
from xsmom.engine.rules import WorkRules

LIVE_MAX = 10
"""Orders of one task that may stand at the same time."""
LOTS_MAX = 2**53
"""Beyond this, lots are no longer exact anywhere."""


def out_lots(bench: Bench, task: Task) -> int:
    """Lots of a task that are filled or may still fill, unsigned."""
    return abs(task.filled_lots) + sum(abs(order.left_lots) for order in bench.live_of(task))


def closable_lots(bench: Bench, symbol: str, side: int, *, urgent: bool = False) -> int:
    """Lots that another order of this side may reduce a position by, unsigned.

    What has to get out does not wait for orders that are being taken back: the venue cuts what only reduces.
    """
    at = bench.book.roster.index(symbol)
    held = int(bench.book.lots[at]) if at is not None else 0
    asked = 0
    for order in bench.orders_in(symbol):
        if order.protective:
            continue
        held += order.untold_lots
        giving_way = urgent and order.cancel_asked_ms is not None
        if order.request.reduce_only and order.left_lots * side > 0 and not giving_way:
            asked += abs(order.left_lots)
    return max(-side * held - asked, 0)


def least_lots(contract: Instrument, price: float, work: WorkRules, *, reduce_only: bool) -> int:
    """The smallest order that goes out; what only reduces is not bound to a least worth."""
    if reduce_only:
        return 1
    worth = max(float(contract.notional_usdt_min), work.notional_usdt_min)
    unit = float(contract.qty_step) * price
    by_worth = math.ceil(worth / unit - 1e-9) if unit > 0.0 else 1
    return max(by_worth, contract.lots_min, 1)


def most_lots(contract: Instrument, price: float, work: WorkRules, *, market: bool) -> int:
    """The largest single order; a contract that names no limit has none."""
    most = (contract.lots_max_market if market else contract.lots_max) or LOTS_MAX
    if work.order_usdt_max is not None:
        unit = float(contract.qty_step) * price
        most = min(most, math.floor(work.order_usdt_max / unit + 1e-9)) if unit > 0.0 else most
    return max(most, 1)


def pieces(lots: int, most: int) -> list[int]:
    """Lots in as few orders as the limit allows, as even as they can be."""
    count = -(-lots // most)
    small, more = divmod(lots, count)
    return [small + 1] * more + [small] * (count - more)
