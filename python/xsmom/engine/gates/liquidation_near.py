"""Distance to liquidation: in a cross account one near position puts all of them at risk."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.domain.trading import PositionView
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def distance_frac(view: PositionView) -> float:
    """Move of the mark, as a share of it, that would liquidate; infinite where none would."""
    if view.lots == 0 or view.liquidation_price is None:
        return math.inf
    mark, level = float(view.mark_price), float(view.liquidation_price)
    if not mark > 0.0 or math.isnan(level):
        return math.nan
    side = 1.0 if view.lots > 0 else -1.0
    return side * (mark - level) / mark


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening while any position is nearer than the limit."""
    del intent, now_ms
    if book.venue.positions is None:
        return blind("the positions could not be read")
    for view in book.venue.positions.values():
        distance = distance_frac(view)
        if math.isnan(distance):
            return blind(f"the distance of {view.symbol} to liquidation is not known")
        if distance < rules.gates.liquidation_min_frac:
            return Refuse(Veto.LIQUIDATION_NEAR, f"{view.symbol} is {distance:.1%} away")
    return ALLOW
