"""The venue's positions beside those of the book."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.trading import PositionView, Snapshot
from xsmom.engine import reading
from xsmom.engine.reconcile import takeover
from xsmom.engine.reconcile.doubts import Doubts
from xsmom.engine.reconcile.invariants import Finding
from xsmom.engine.turn import Turn

_ENTRY_FRAC = 1e-3


def judge(turn: Turn, told: Snapshot[PositionView], doubts: Doubts) -> list[Finding]:
    """R2 and R7 to R9."""
    book = turn.book
    shown = {symbol: row for symbol, row in (book.venue.positions or {}).items() if symbol not in book.ignored}
    refused = _refuse_start(book, shown)
    if refused:
        return refused
    findings = _strangers(book, shown)
    for at, symbol in enumerate(book.roster.symbols):
        if symbol in book.ignored:
            continue
        row, held = shown.get(symbol), int(book.lots[at])
        lots = row.lots if row is not None else 0
        if lots != held:
            findings += _differs(turn, at, row, told.as_of_ms, doubts)
        elif row is not None and lots:
            findings += _entry(turn.book, at, row)
    return findings


def is_first_start(book: Book) -> bool:
    """The book begins: it has never agreed with a venue, and nothing was ever traded in it."""
    return book.first_ms == book.started_ms and not book.venue.reconciled_ms and not book.money.fills


def _adopts(book: Book) -> bool:
    """The first process takes over what stands before it has agreed with the venue for the first time, all of it."""
    return book.adopt and book.first_ms == book.started_ms and not book.venue.reconciled_ms


def _refuse_start(book: Book, shown: dict[str, PositionView]) -> list[Finding]:
    if not is_first_start(book) or book.adopt:
        return []
    held = [row for row in shown.values() if row.lots]
    return [
        Finding(
            "R2",
            row.symbol,
            f"the account holds {row.lots} lots at the first start: close them, or start with --adopt or "
            f"--ignore {row.symbol}",
        )
        for row in held
    ]


def _strangers(book: Book, shown: dict[str, PositionView]) -> list[Finding]:
    return [
        Finding("R8", symbol, f"{row.lots} lots are held in a name that this configuration does not trade")
        for symbol, row in shown.items()
        if row.lots and book.roster.index(symbol) is None
    ]


def _differs(turn: Turn, at: int, row: PositionView | None, as_of_ms: int, doubts: Doubts) -> list[Finding]:
    book = turn.book
    symbol, held = book.roster.symbols[at], int(book.lots[at])
    lots = row.lots if row is not None else 0
    key, text = f"R7 {symbol}", f"the venue holds {lots} lots, the book {held}"
    if not turn.rules.agree.correct and f"{key}: {text}" in book.venue.mismatches:
        return [Finding("R7", symbol, text)]  # found already, and nothing more to be done about it
    believed = doubts.is_believed(key, text, book.venue.fills_ms)
    if not believed or _is_behind(turn, symbol, row, doubts.seen_ms):
        if doubts.needs_fills(key, book.venue.fills_asked_ms):
            reading.want_fills(turn, f"positions of {symbol} differ")
        # What was found before stays found until it is corrected or agrees.
        return [Finding("R7", symbol, text)] if f"{key}: {text}" in book.venue.mismatches else []
    doubts.settle(key)
    if not turn.rules.agree.correct:
        return [Finding("R7", symbol, text)]
    takeover.take_over(turn, at, row, as_of_ms, by_hand=not _adopts(book))
    return []


def _is_behind(turn: Turn, symbol: str, row: PositionView | None, seen_ms: int) -> bool:
    """The picture may be older than the newest fill: positions are shown late, by numbers or by time."""
    kept = turn.book.protection.get(symbol)
    if kept is None or seen_ms - kept.fill_ms >= turn.rules.agree.visible_ms:
        return False
    return row is None or not 0 < kept.fill_seq <= row.seq


def _entry(book: Book, at: int, row: PositionView) -> list[Finding]:
    ours = float(book.positions["entry_price"][at])
    if row.entry_price is None or abs(float(row.entry_price) / ours - 1.0) <= _ENTRY_FRAC:
        return []
    return [Finding("R9", row.symbol, f"the venue's entry price is {row.entry_price}, the book's {ours:.10g}")]
