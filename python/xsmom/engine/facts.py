"""What several rooms read of a book: which way an intent goes, what works, what margin is in use."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from xsmom.domain.book import Book, Mode
from xsmom.domain.orders import Intent, LiveOrder, Purpose, Style
from xsmom.domain.trading import AccountView
from xsmom.engine.rules import Rules


def held_lots(book: Book, symbol: str) -> int:
    """Signed lots held of a symbol; 0 of one that is not ours to trade."""
    at = book.roster.index(symbol)
    return 0 if at is None else int(book.lots[at])


def fills_at_bars(rules: Rules) -> bool:
    """Whether orders are sent once and left alone, because the venue fills whole at bars."""
    return rules.work.style is Style.WHOLE


def equity_usdt(book: Book) -> float:
    """What the book is worth at its marks; the account's own word where a mark is missing."""
    units = book.lots * book.roster.qty_step
    held = units != 0.0
    value = book.money.cash_usdt + float(np.dot(units[held], book.names.mark[held]))
    account = book.venue.account
    return float(account.equity_usdt) if math.isnan(value) and account is not None else value


def lot_usdt(book: Book, intent: Intent) -> float:
    """Value of one lot at the dearer of the mark and the price at the decision; NaN where neither is known."""
    at = book.roster.index(intent.symbol)
    if at is None:
        return math.nan
    price = np.fmax(book.names.mark[at], intent.reference_price)
    return float(price * book.roster.qty_step[at])


def working_orders(book: Book) -> Iterator[LiveOrder]:
    """Orders of ours that may still fill; those that wait for a trigger protect, and are not among them."""
    return (one for one in book.orders.values() if not one.phase.final and not one.protective)


def same_side_lots(book: Book, symbol: str, side: int) -> int:
    """Lots (unsigned) on one side: held, and what works to add to them. What works to reduce is not taken off."""
    most = max(side * held_lots(book, symbol), 0)
    waiting = sum(max(side * one.left_lots, 0) for one in working_orders(book) if one.symbol == symbol)
    held_against = max(-side * held_lots(book, symbol), 0)
    return most + max(waiting - held_against, 0)


def margin_used_frac(account: AccountView) -> float:
    """Initial margin of positions and orders as a share of equity; infinite where nothing is left."""
    equity = float(account.equity_usdt)
    used = float(account.initial_margin_usdt)
    if math.isnan(equity) or math.isnan(used):
        return math.nan
    return used / equity if equity > 0.0 else math.inf


def settled(book: Book, rules: Rules) -> bool:
    """Nothing is held and nothing works, by our book, and by the venue's word since the newest fill."""
    if not book.flat or book.tasks or next(working_orders(book), None) is not None:
        return False
    if not rules.gates.facts_needed:
        return True
    seen = book.venue.positions
    since_ms = max(book.last_fill_ms, book.mode_ms if book.mode is Mode.FLATTENING else 0)
    fresh = book.venue.positions_ms >= since_ms
    ours = (view for name, view in (seen or {}).items() if name not in book.ignored)
    return seen is not None and fresh and not any(view.lots for view in ours)


def mark_now(book: Book, at: int) -> float:
    """The newest mark of a name: its quote's, or that of the last close where none has come."""
    quote = book.quotes.get(book.roster.symbols[at])
    return float(quote.mark) if quote is not None else float(book.names.mark[at])


def closing_lots(book: Book, symbol: str, *, trims: bool = True) -> int:
    """Lots (unsigned) that are on their way to close a position for good: orders that rest for a plan do not count.

    Without `trims`, neither do those that cut a position for margin or net.
    """
    side = -1 if held_lots(book, symbol) > 0 else 1
    lots = 0
    for task in book.tasks.values():
        intent = task.approved.intent
        for_good = intent.purpose is not Purpose.REBALANCE or intent.style is Style.WHOLE
        if intent.symbol == symbol and for_good and not task.ending and (trims or intent.purpose is not Purpose.TRIM):
            lots += max(side * task.left_lots, 0)
    for order in book.orders.values():
        if order.symbol == symbol and not order.protective:
            parent = book.tasks.get(order.parent_id)
            alone = parent is None or bool(parent.ending)
            lots += max(side * (order.untold_lots + (order.left_lots if alone else 0)), 0)
    return lots
