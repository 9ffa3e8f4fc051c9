"""Every movement of money in a journal, as an exchange's income history lists them: realised, fees, funding, transfers.

Realised profit is by average cost. It is reckoned from the first execution on, and a name whose executions do not add
up to what is held (taken over, or traded by hand) has none: a number that may be wrong is worse than none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from xsmom.domain.book import Book
from xsmom.domain.ledger import FillRow
from xsmom.ports import JournalReader


class Income(NamedTuple):
    """A movement; `amount_usdt` above 0 was received."""

    at_ms: int
    kind: str
    symbol: str
    amount_usdt: Decimal
    id: str


@dataclass(frozen=True, slots=True)
class Statement:
    """Movements, rising, and the names of which realised profit cannot be told, with the reason."""

    rows: list[Income]
    untold: Mapping[str, str]


def income(reader: JournalReader, book: Book, since_ms: int, until_ms: int) -> Statement:
    """All movements of a time, up to the newest book."""
    fills = [fill for fill in reader.fills() if fill.seq <= book.seq]
    rows: list[Income] = []
    untold: dict[str, str] = {}
    steps = qty_steps(reader, book, {one.symbol for one in fills})
    for symbol, ours in _by_symbol(fills).items():
        why = _doubt(book, symbol, ours, steps)
        if why:
            untold[symbol] = why
        else:
            rows += _realised(ours, steps[symbol])
    rows += [Income(one.at_ms, "fee", one.symbol, -one.fee_usdt, one.exec_id) for one in fills if one.fee_usdt]
    for one in reader.funding():
        if one.seq <= book.seq:
            rows.append(Income(one.at_ms, "funding", one.symbol, -one.paid_usdt, one.exec_id))
    for move in reader.transfers():
        if move.seq <= book.seq:
            rows.append(Income(move.at_ms, "transfer", "", move.amount_usdt, move.transfer_id))
    kept = sorted(row for row in rows if since_ms <= row.at_ms < until_ms)
    return Statement(kept, untold)


def qty_steps(reader: JournalReader, book: Book, symbols: Collection[str]) -> Mapping[str, Decimal]:
    """Size of one lot by name: of those that are traded now, and from the journal of those that were."""
    now = {one.symbol: one.qty_step for one in book.roster.instruments}
    gone = set(symbols) - now.keys()
    before = reader.qty_steps() if gone else {}
    return now | {symbol: before[symbol] for symbol in gone & before.keys()}


def _by_symbol(fills: Iterable[FillRow]) -> dict[str, list[FillRow]]:
    found: dict[str, list[FillRow]] = {}
    # In the order in which the book took them: that is how positions came about.
    for fill in sorted(fills, key=lambda one: one.seq):
        found.setdefault(fill.symbol, []).append(fill)
    return found


def _doubt(book: Book, symbol: str, fills: list[FillRow], steps: Mapping[str, Decimal]) -> str:
    if symbol not in steps:
        return "it is not traded now, and the size of its lots is not kept, or has changed"
    at = book.roster.index(symbol)
    told, held = sum(fill.lots for fill in fills), 0 if at is None else int(book.lots[at])
    if told != held:
        return f"its executions come to {told} lots, and {held} are held"
    return ""


def _realised(fills: list[FillRow], step: Decimal) -> Iterable[Income]:
    """Profit of each execution that reduces, against the average price of what is held."""
    held, cost = 0, Decimal(0)  # signed lots, and lots times price of them
    for fill in fills:
        closing = 0
        if held and (held > 0) != (fill.lots > 0):
            closing = max(-abs(held), -abs(fill.lots)) * (1 if held > 0 else -1)
        if closing:
            part = cost * -closing / held
            yield Income(fill.at_ms, "realised", fill.symbol, (-closing * fill.price - part) * step, fill.exec_id)
            cost -= part
        cost += (fill.lots - closing) * fill.price
        held += fill.lots
