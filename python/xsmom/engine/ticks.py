"""Quotes: the newest prices, and the stops and rungs that they touch."""

from __future__ import annotations

from xsmom import kernel
from xsmom.domain.events import QuotesSeen
from xsmom.domain.market_data import Quote
from xsmom.domain.orders import Intent
from xsmom.domain.tape import Ticked
from xsmom.domain.trading import TriggerBy
from xsmom.engine.bar import exit_intents
from xsmom.engine.turn import Turn


def take_quotes(turn: Turn, event: QuotesSeen) -> list[Intent]:
    """Remember the quotes; what held positions want because of them."""
    fresh = {
        one.symbol: one
        for one in event.quotes
        if (old := turn.book.quotes.get(one.symbol)) is None or one.at_ms >= old.at_ms
    }
    turn.put(quotes={**turn.book.quotes, **fresh})
    intents: list[Intent] = []
    for symbol in sorted(fresh):
        at = turn.book.roster.index(symbol)
        if at is not None and turn.book.lots[at]:
            intents += _touch(turn, at, fresh[symbol])
    return intents


def watched_price(quote: Quote, by: TriggerBy) -> float:
    """The price that stops look at."""
    chosen = {TriggerBy.MARK: quote.mark, TriggerBy.LAST: quote.last, TriggerBy.INDEX: quote.index}[by]
    return float(chosen)


def _touch(turn: Turn, at: int, quote: Quote) -> list[Intent]:
    price = watched_price(quote, turn.rules.protect.trigger)
    if not price > 0.0 or not _may_touch(turn, at, price):
        return []
    tick = {"kind": "tick", "symbol": at, "price": price, "at_ms": quote.at_ms}
    positions, exits = kernel.advance_stops(dict(turn.book.positions), tick, turn.rules.params)
    if not exits:
        return []
    turn.put(positions=positions)
    turn.record(Ticked(at, price, quote.at_ms))
    intents = exit_intents(turn, exits)
    # What the exchange's own stop has met is the exchange's to carry out: it is nearer to the market.
    return [one for one in intents if one.exit_by not in kernel.STOP_EXITS or not _has_met(turn, at, price)]


def _may_touch(turn: Turn, at: int, price: float) -> bool:
    """Quick look, so that a quiet quote costs no crossing into the core."""
    held, positions = turn.book.lots[at], turn.book.positions
    if positions["closing"][at]:
        return False
    side = 1.0 if held > 0 else -1.0
    at_stop = side * price <= side * float(positions["stop_price"][at])
    return at_stop or bool(turn.rules.fields["ladder"])


def _has_met(turn: Turn, at: int, price: float) -> bool:
    """Whether a verified stop of the exchange is met too: one that has not followed its level yet lies further away."""
    roster, held = turn.book.roster, turn.book.lots[at]
    kept = turn.book.protection.get(roster.symbols[at])
    if kept is None or kept.verified_ms is None or kept.stop_ticks is None:
        return False
    level, side = float(kept.stop_ticks * roster.instruments[at].price_tick), 1.0 if held > 0 else -1.0
    return side * price <= side * level
