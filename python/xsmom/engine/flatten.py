"""Closing what has to go: all of the book, or a name, whatever the plan says. Both legs together.

An intent is asked for where nothing is closing the position yet; execution works it at a bounded price, and at the
market once `market_after_ms` have passed. All are reduce-only: nothing can overshoot, whatever else works. What the
bar or the exchange's stop is to close is left to them for a moment first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from xsmom.domain.book import Book, Mode
from xsmom.domain.effects import SetTimer, Severity
from xsmom.domain.market_data import Trading
from xsmom.domain.orders import Intent, Purpose, Style
from xsmom.domain.panel import NEVER_MS
from xsmom.engine.facts import closing_lots, fills_at_bars, mark_now
from xsmom.engine.modes import Cause, cause_of
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn

DELISTING_LEAD_MS = 25 * 3_600_000
"""A name is closed a day before its last trade; an hour more for doing it."""
TIMER = "close"
_LEGS = 200_000
_RETRY_MS = 2_000


@dataclass(frozen=True, slots=True)
class Closing:
    """Why a position has to go, and how long somebody else may do it first."""

    why: str
    purpose: Purpose = Purpose.FLATTEN
    grace_ms: int = 0


def flatten_intents(turn: Turn) -> list[Intent]:
    """Everything that is to be closed, stands, and is not being closed already."""
    book = turn.book
    wanted = to_close(book, turn.rules, turn.now_ms)
    if not wanted and not book.watch.exits_ms:
        return []
    since = {name: book.watch.exits_ms.get(name, turn.now_ms) for name in wanted}
    if since != book.watch.exits_ms:
        turn.put(watch=replace(book.watch, exits_ms=since))
        _set_timer(turn, wanted)
    found = (_intent(turn, number, symbol, one) for number, (symbol, one) in enumerate(wanted.items()))
    return [intent for intent in found if intent is not None]


def to_close(book: Book, rules: Rules, now_ms: int) -> dict[str, Closing]:
    """Names that are held and must go, and why."""
    if book.mode is not Mode.FLATTENING and not rules.gates.facts_needed:
        return {}
    held = [(at, book.roster.symbols[at]) for at in np.flatnonzero(book.lots).tolist()]
    if not held:
        return {}
    if book.mode is Mode.FLATTENING:
        guard = cause_of(book, rules, now_ms) is Cause.GUARD_FLATTEN
        # The plan of the bar closes for a guard; where orders are sent once, nothing is to be added to it.
        if guard and fills_at_bars(rules):
            return {}
        return {symbol: Closing(book.mode_why, grace_ms=_RETRY_MS if guard else 0) for _, symbol in held}
    return dict(_single(book, rules, held, now_ms))


def _single(book: Book, rules: Rules, held: list[tuple[int, str]], now_ms: int) -> Iterator[tuple[str, Closing]]:
    for at, symbol in held:
        gone_ms = int(book.roster.delisted_ms[at])
        if book.names.close_asked[at] or book.names.close_ordered[at]:
            yield symbol, Closing("asked for", grace_ms=_RETRY_MS)
        elif book.positions["closing"][at]:
            # The order of the exit, or the stop on the exchange, is under way.
            yield symbol, Closing("exit", Purpose.EXIT, rules.gates.market_after_ms)
        elif gone_ms != NEVER_MS and gone_ms - now_ms <= DELISTING_LEAD_MS:
            yield symbol, Closing("delisting", Purpose.EXIT)
        elif book.roster.instruments[at].trading is Trading.CLOSING:
            yield symbol, Closing("the exchange ends this contract", Purpose.EXIT)


def _set_timer(turn: Turn, wanted: dict[str, Closing]) -> None:
    """Wake up when the first grace has passed: nothing else may happen until then."""
    since = turn.book.watch.exits_ms
    due = [since[name] + one.grace_ms for name, one in wanted.items() if since[name] + one.grace_ms > turn.now_ms]
    if due and turn.rules.gates.facts_needed:
        turn.send(SetTimer(TIMER, min(due)))


def _intent(turn: Turn, number: int, symbol: str, closing: Closing) -> Intent | None:
    book, rules = turn.book, turn.rules
    at = book.roster.index(symbol)
    stood_ms = turn.now_ms - book.watch.exits_ms[symbol]
    if at is None or stood_ms < closing.grace_ms:
        return None
    held = int(book.lots[at])
    # A trim has more time than this, and its task is called off for it.
    left = abs(held) - closing_lots(book, symbol, trims=False)
    if left <= 0 or not _may_ask(turn, symbol):
        return None
    price = mark_now(book, at)
    market = stood_ms >= rules.gates.market_after_ms or math.isnan(price)
    style = Style.MARKET if market else Style.LIMIT
    turn.note("position.closing", Severity.WARNING, symbol=symbol, lots=held, why=closing.why, style=style.value)
    return Intent(
        symbol=symbol,
        lots=-left if held > 0 else left,
        reduce_only=True,
        purpose=closing.purpose,
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
