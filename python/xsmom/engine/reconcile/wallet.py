"""The venue's wallet beside what fills, fees, funding and transfers make of it.

    explained  = cash + sum of the cost of what is held    (cash takes the whole price, a wallet only results)
    difference = wallet - explained - base                 base: the difference at the first look

A reading in which positions differ says nothing of money: a fill on its way moves both.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xsmom.domain.book import Book
from xsmom.domain.effects import Severity
from xsmom.domain.trading import AccountView
from xsmom.engine import reading
from xsmom.engine.reconcile.doubts import Doubts
from xsmom.engine.reconcile.invariants import Finding
from xsmom.engine.turn import Turn

_CENT_USDT = 0.01
_AGAIN_MS = 120_000
"""Between two looks for what is unexplained: failures of these alone shall not trip the breaker."""


def explained_usdt(book: Book) -> float:
    """What the wallet should be, but for a constant."""
    cost = np.nansum(book.roster.qty_step * book.positions["cost_price_lots"])
    return book.money.cash_usdt + float(cost)


def judge(turn: Turn, account: AccountView, doubts: Doubts) -> list[Finding]:
    """R11."""
    venue = turn.book.venue
    if not _positions_agree(turn.book):
        doubts.keep("R11")
        return _standing(turn)
    apart = float(account.wallet_usdt) - explained_usdt(turn.book)
    if venue.wallet_base_usdt is None:
        base = replace(venue, wallet_base_usdt=apart, unexplained_usdt=0.0, wallet_base_ms=account.at_ms)
        turn.put(venue=replace(base, unexplained_ms=account.at_ms))
        return []
    if not venue.wallet_base_ms:
        # A book of before transfers were read: what moved until it last agreed was classified by hand.
        turn.put(venue=replace(venue, wallet_base_ms=venue.reconciled_ms or account.at_ms))
    found = apart - venue.wallet_base_usdt
    if abs(found - venue.unexplained_usdt) >= _CENT_USDT:
        _doubt(turn, found, doubts)
    else:
        turn.put(venue=replace(turn.book.venue, unexplained_ms=account.at_ms))
    _ask_again(turn)
    return _standing(turn)


def _doubt(turn: Turn, found: float, doubts: Doubts) -> None:
    """Another difference than the one that is known: believed once it has stood, and all that explains it was told."""
    venue = turn.book.venue
    told_ms = min(venue.fills_ms, venue.transfers_told_ms)
    if doubts.is_believed("R11", f"{found:.2f}", told_ms):
        doubts.settle("R11")
        at_ms = venue.account.at_ms if venue.account is not None else 0
        turn.put(venue=replace(venue, unexplained_usdt=found, unexplained_ms=at_ms))
        turn.note("wallet.unexplained", Severity.WARNING, unexplained_usdt=found, named=dict(venue.named))
        return
    if doubts.needs_fills("R11", venue.fills_asked_ms):
        reading.want_fills(turn, "the wallet differs")
    if doubts.needs_fills("R11", venue.transfers_asked_ms):
        reading.want_transfers(turn)


def _ask_again(turn: Turn) -> None:
    """What is unexplained may yet be listed: the exchange's list can be late."""
    venue = turn.book.venue
    if abs(venue.unexplained_usdt) >= _CENT_USDT and turn.now_ms - venue.transfers_asked_ms >= _AGAIN_MS:
        reading.want_transfers(turn)


def _positions_agree(book: Book) -> bool:
    """Lots of every name, as shown and as held."""
    shown = book.venue.positions or {}
    for at, symbol in enumerate(book.roster.symbols):
        row = shown.get(symbol)
        if symbol not in book.ignored and int(book.lots[at]) != (row.lots if row is not None else 0):
            return False
    return True


def _standing(turn: Turn) -> list[Finding]:
    """What is unexplained so far, where it is more than may be."""
    book = turn.book
    found, account = book.venue.unexplained_usdt, book.venue.account
    if account is None or abs(found) <= turn.rules.gates.wallet_unexplained_frac * abs(float(account.equity_usdt)):
        return []
    named = ", ".join(f"{word} {usdt:+.2f}" for word, usdt in sorted(book.venue.named.items()))
    beside = f" (the exchange names {named})" if named else ""
    text = f"{found:+.2f} USDT of the wallet are unexplained{beside}: classify them, then entries go on"
    return [Finding("R11", "", text)]
