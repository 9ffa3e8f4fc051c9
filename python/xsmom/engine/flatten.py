"""Closing what has to go: all of the book, or a name, whatever the plan says. Both legs together.

First at a bounded price; what still stands after `market_after_ms` at the market. Every intent is reduce-only, so that
nothing can overshoot, whatever else works.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from xsmom.domain.book import Book, Mode
from xsmom.domain.effects import Severity
from xsmom.domain.market_data import Trading
from xsmom.domain.orders import Intent, Purpose, Style
from xsmom.domain.panel import NEVER_MS
from xsmom.engine.entries import cancel_symbol
from xsmom.engine.facts import closing_lots, fills_at_bars
from xsmom.engine.modes import Cause, cause_of
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn

DELISTING_LEAD_MS = 25 * 3_600_000
"""A name is closed a day before its last trade; an hour more for doing it."""
_LEGS = 200_000
_RETRY_MS = 2_000


def flatten_intents(turn: Turn) -> list[Intent]:
    """Everything that is to be closed, stands, and is not being closed already."""
    book = turn.book
    if book.flat and not book.watch.exits_ms:
        return []
    wanted = to_close(book, turn.rules, turn.now_ms)
    since = {name: book.watch.exits_ms.get(name, turn.now_ms) for name in wanted}
    if since != book.watch.exits_ms:
        turn.put(watch=replace(book.watch, exits_ms=since))
    found = (_intent(turn, number, symbol, why) for number, (symbol, why) in enumerate(wanted.items()))
    return [intent for intent in found if intent is not None]


def to_close(book: Book, rules: Rules, now_ms: int) -> dict[str, str]:
    """Names that are held and must go, and why."""
    held = [(int(at), book.roster.symbols[at]) for at in np.flatnonzero(book.lots)]
    if not held:
        return {}
    if book.mode is Mode.FLATTENING:
        guard = cause_of(book, rules, now_ms) is Cause.GUARD_FLATTEN
        # The plan of the bar closes for a guard, and where orders are sent once, nothing is to be added to it.
        return {} if guard and fills_at_bars(rules) else {symbol: book.mode_why for _, symbol in held}
    return dict(_single(book, held, now_ms)) if rules.gates.facts_needed else {}


def _single(book: Book, held: list[tuple[int, str]], now_ms: int) -> Iterator[tuple[str, str]]:
    for at, symbol in held:
        gone_ms = int(book.roster.delisted_ms[at])
        if book.names.close_asked[at]:
            yield symbol, "asked for"
        elif book.positions["closing"][at]:
            yield symbol, "exit"
        elif gone_ms != NEVER_MS and gone_ms - now_ms <= DELISTING_LEAD_MS:
            yield symbol, "delisting"
        elif book.roster.instruments[at].trading is Trading.CLOSING:
            yield symbol, "the contract is being closed"


def _intent(turn: Turn, number: int, symbol: str, why: str) -> Intent | None:
    book, rules = turn.book, turn.rules
    at = book.roster.index(symbol)
    if at is None:
        return None
    held = int(book.lots[at])
    market = turn.now_ms - book.watch.exits_ms[symbol] >= rules.gates.market_after_ms
    if market and not fills_at_bars(rules):
        cancel_symbol(turn, symbol, "to be closed at the market", keep=Style.MARKET)
    left = abs(held) - closing_lots(turn.book, symbol, Style.MARKET if market else None)
    if left <= 0 or not _may_ask(turn, symbol):
        return None
    price = _price(book, at)
    style = Style.MARKET if market or math.isnan(price) else Style.LIMIT
    turn.note("position.closing", Severity.WARNING, symbol=symbol, lots=held, why=why, style=style.value)
    return Intent(
        symbol=symbol,
        lots=-left if held > 0 else left,
        reduce_only=True,
        purpose=Purpose.EXIT if why == "delisting" else Purpose.FLATTEN,
        style=Style.WHOLE if fills_at_bars(rules) else style,
        reference_price=price,
        atr=math.nan,
        decided_ms=turn.now_ms,
        leg=_LEGS + number,
    )


def _may_ask(turn: Turn, symbol: str) -> bool:
    """Not faster than the exchange can answer: what it refuses is asked again, but not at every event."""
    key = f"ask.close:{symbol}"
    last_ms = turn.book.loud_ms.get(key)
    if last_ms is not None and turn.now_ms - last_ms < _RETRY_MS:
        return False
    turn.set_item("loud_ms", key, turn.now_ms)
    return True


def _price(book: Book, at: int) -> float:
    quote = book.quotes.get(book.roster.symbols[at])
    return float(quote.mark) if quote is not None else float(book.names.mark[at])
