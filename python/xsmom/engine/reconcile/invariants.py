"""What must hold between the book and the venue, numbered. A broken one is a finding; the table says what it stops."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from xsmom.domain.book import Book


class Blocks(IntEnum):
    """What a broken invariant stops, from the least to the most."""

    NOTHING = 0
    #: Entries in that name.
    SYMBOL = 1
    #: Every entry.
    ENTRIES = 2
    #: The engine: it does not begin to trade.
    HALT = 3


class Part(IntEnum):
    """What has to be read to judge an invariant."""

    ANY = 0
    ORDERS = 1
    POSITIONS = 2
    WALLET = 3
    #: Not judged by a reading: a fill or an answer told of it.
    TOLD = 4


@dataclass(frozen=True, slots=True)
class Invariant:
    """One of them."""

    number: str
    part: Part
    blocks: Blocks
    #: What holds.
    text: str
    #: What is done where it does not.
    deed: str


INVARIANTS: dict[str, Invariant] = {
    one.number: one
    for one in (
        Invariant(
            "R1",
            Part.ANY,
            Blocks.ENTRIES,
            "Account, positions and orders were read at the newest try. What was not read is unknown, never flat.",
            "Nothing is concluded from the part that is missing; it is read again every second.",
        ),
        Invariant(
            "R2",
            Part.POSITIONS,
            Blocks.HALT,
            "An account is flat when a book begins on it, but for ignored symbols.",
            "The start is refused. With adopting on, the positions are taken over instead.",
        ),
        Invariant(
            "R3",
            Part.ORDERS,
            Blocks.NOTHING,
            "An order with a name of ours, made before this start, is known to the book.",
            "It is an orphan: cancelled, where that is configured. One that protects a position is never cancelled.",
        ),
        Invariant(
            "R4",
            Part.ORDERS,
            Blocks.ENTRIES,
            "An order with a name of ours, made since this start, is known to the book.",
            "A second instance works this account: told at once, its orders are left alone.",
        ),
        Invariant(
            "R5",
            Part.ORDERS,
            Blocks.NOTHING,
            "An order that the book holds open, and that is old enough to be visible, is on the venue's list.",
            "It is looked up by its name; a list alone ends no order.",
        ),
        Invariant(
            "R6",
            Part.ORDERS,
            Blocks.SYMBOL,
            "No order in a name that we trade is someone else's.",
            "It is told and not touched.",
        ),
        Invariant(
            "R7",
            Part.POSITIONS,
            Blocks.ENTRIES,
            "Of each name, the venue holds as many lots as the book.",
            "Executions are read again. What then still differs, alike in two readings, is taken over at the venue's "
            "entry price and put on hold as the owner's hand; or reported, as configured.",
        ),
        Invariant(
            "R8",
            Part.POSITIONS,
            Blocks.NOTHING,
            "Every position is in a name of the configuration, or is ignored.",
            "It is told; it can be neither sized nor protected here.",
        ),
        Invariant(
            "R9",
            Part.POSITIONS,
            Blocks.NOTHING,
            "Of equal lots the entry prices are equal, to a thousandth.",
            "It is told: results of this position will differ from the venue's.",
        ),
        Invariant(
            "R10",
            Part.ORDERS,
            Blocks.NOTHING,
            "No order of ours has filled more at the venue than the book has folded.",
            "Executions are read again.",
        ),
        Invariant(
            "R11",
            Part.WALLET,
            Blocks.ENTRIES,
            "The wallet is what fills, fees, funding and transfers make of it, to the configured share of equity.",
            "Executions and the list of transfers are read again; what is left unexplained waits for the operator to "
            "classify it.",
        ),
        Invariant(
            "R12",
            Part.TOLD,
            Blocks.ENTRIES,
            "Leverage, margin mode and position mode are as configured.",
            "It is told, and asked for again until it is so. What is refused each time is for the operator to mend.",
        ),
        Invariant(
            "R13",
            Part.TOLD,
            Blocks.ENTRIES,
            "An execution under a name of ours belongs to an order of the book.",
            "A second instance trades this account: told at once.",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken invariant, where, and how."""

    number: str
    symbol: str
    text: str

    def __str__(self) -> str:
        place = f"{self.number} {self.symbol}" if self.symbol else self.number
        return f"{place}: {self.text}"


def invariant_of(mismatch: str) -> Invariant:
    """The invariant that a line of the book's mismatches is about."""
    return INVARIANTS[mismatch.split(":", 1)[0].split(" ", 1)[0]]


def symbol_of(mismatch: str) -> str:
    """The symbol that it is about; empty for the account."""
    place = mismatch.split(":", 1)[0].split(" ", 1)
    return place[1] if len(place) > 1 else ""


def blocks(book: Book) -> Blocks:
    """The most that the broken invariants stop."""
    return max((invariant_of(one).blocks for one in book.venue.mismatches), default=Blocks.NOTHING)


def blocked_symbols(book: Book) -> frozenset[str]:
    """Names in which nothing is entered."""
    return frozenset(symbol_of(one) for one in book.venue.mismatches if invariant_of(one).blocks is Blocks.SYMBOL)
