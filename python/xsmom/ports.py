"""What rooms that never import one another ask of each other.

A port is a promise in the words of `domain`: `lake` downloads through `MarketData` without knowing
that an exchange library exists, and `venues` implements it without knowing of files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from xsmom.domain.book import Book
from xsmom.domain.effects import Note
from xsmom.domain.journal import Entry
from xsmom.domain.ledger import (
    DecisionRow,
    EquityRow,
    FillRow,
    FundingRow,
    NoteRow,
    OrderRow,
    TransferRow,
    WriterRow,
)
from xsmom.domain.market_data import Candles, ClockSight, DepthSight, FundingPrints, Instrument, PriceKind, Quote
from xsmom.domain.trading import (
    AccountView,
    AmendRequest,
    Answer,
    Capabilities,
    KeyFacts,
    ModeReport,
    Modes,
    MoneyMove,
    OrderRequest,
    OrderView,
    PositionView,
    Snapshot,
    TriggerBy,
    VenueEvent,
    VenueFill,
)
from xsmom.domain.window import BarRow


class MarketData(Protocol):
    """Public data of one exchange. An answer is complete, or the call raises a `VenueError`.

    Complete means: every closed bar or print that the exchange has in the asked range up to the
    page's end. An empty answer is an answer only when the exchange said so in its own format; a page
    of HTML, a cut body or a list that is missing raises.
    """

    @property
    def venue(self) -> str:
        """Name of the exchange, as the lake's folders bear it."""
        ...

    @property
    def candles_page_max(self) -> int:
        """Most bars that one call may ask for."""
        ...

    async def now_ms(self) -> int:
        """The exchange's clock now: ours plus the measured offset."""
        ...

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every linear perpetual that settles in the quote currency, also those no longer traded."""
        ...

    async def candles(self, symbol: str, bar_ms: int, since_ms: int, bars: int, price: PriceKind) -> Candles:
        """Closed bars with `since_ms <= open_ms < since_ms + bars * bar_ms`, rising.

        `bars` is at most `candles_page_max`. The bar that is still forming is left out.
        """
        ...

    async def funding(self, symbol: str, since_ms: int, until_ms: int) -> FundingPrints:
        """Every settled print with `since_ms <= at_ms < until_ms`, past any page limit."""
        ...

    async def quotes(self) -> Mapping[str, Quote]:
        """The newest prices of every symbol."""
        ...

    async def depth(self, symbol: str, levels: int) -> DepthSight:
        """How much stands in the first levels of the order book now; fewer levels where there are no more."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class Venue(MarketData, Protocol):
    """An account at one exchange, and the only thing that the engine sees of it.

    A mutation answers and never raises: taken, already so, refused, or unknown. A read is complete or
    raises a `VenueError`.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this exchange can do."""
        ...

    async def measure_clock(self) -> ClockSight:
        """Ask for the exchange's time anew, not what is known of it."""
        ...

    async def interruption(self) -> str:
        """What the exchange says of an interruption that is under way; empty where there is none."""
        ...

    async def account(self) -> AccountView:
        """Money and margin."""
        ...

    async def positions(self) -> Snapshot[PositionView]:
        """Every position that is not flat."""
        ...

    async def open_orders(self) -> Snapshot[OrderView]:
        """Every order that is not final, all pages, conditional ones included."""
        ...

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> OrderView | None:
        """Look one order up; `None` says only that it is not seen now."""
        ...

    async def fills(self, since_ms: int) -> Sequence[VenueFill]:
        """Every execution from `since_ms` on, rising, of every kind."""
        ...

    async def transfers(self, since_ms: int) -> Sequence[MoneyMove]:
        """Every movement of the settlement currency from `since_ms` on that no execution tells of, rising.

        Deposits and withdrawals are transfers; whatever else the exchange gave or took is told beside them as
        `MoveKind.OTHER`, with the exchange's own word. Each has an id that it keeps for ever. A movement of which
        only a part is known, or a page that is missing, raises.
        """
        ...

    async def fees(self) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Maker and taker fee of each symbol, as shares."""
        ...

    async def key(self) -> KeyFacts:
        """Permissions of the key in use."""
        ...

    async def submit(self, request: OrderRequest) -> Answer:
        """Send an order."""
        ...

    async def amend(self, request: AmendRequest) -> Answer:
        """Change a working order in its place."""
        ...

    async def cancel(self, symbol: str, client_order_id: str) -> Answer:
        """Take an order back."""
        ...

    async def set_position_stop(
        self, symbol: str, stop_loss_ticks: int | None, take_profit_ticks: int | None, by: TriggerBy
    ) -> Answer:
        """Set both legs that protect the whole position, in one request; `None` removes a leg."""
        ...

    async def ensure_modes(self, modes: Modes) -> ModeReport:
        """Bring leverage, margin and position mode to what is asked for; already so is success."""
        ...

    def events(self) -> AsyncIterator[VenueEvent]:
        """What happens to the account, as it comes; a `Gap` wherever something may be missing.

        A stream that is down says `Deaf`, once, and the `Gap` follows when it is back.
        """
        ...


class Journal(Protocol):
    """The durable list of events of one account, written by one process at a time.

    What `append` has returned from survives a power cut. An entry that cannot be read raises
    `JournalCorrupt`, unless it is the torn last one, which is dropped and told.
    """

    @property
    def last_seq(self) -> int:
        """Number of the newest entry; 0 before the first."""
        ...

    @property
    def told(self) -> tuple[Note, ...]:
        """What opening and recovery found and mended: for the sinks, at the start."""
        ...

    @property
    def snapshot_due(self) -> bool:
        """Whether enough entries have come since the last snapshot; asked after each `append`."""
        ...

    def append(self, entry: Entry, book: Book) -> None:
        """Write an event, its effects and its notes in one transaction; `seq` follows on the last.

        `book` is the one after the step: what readers see is written with the entry.
        """
        ...

    def entries(self, after_seq: int) -> Iterator[Entry]:
        """All entries above a number, rising."""
        ...

    def save_snapshot(self, book: Book, window: bytes) -> None:
        """Keep a book and its window, so that recovery need not begin at the first event."""
        ...

    def newest_snapshot(self) -> tuple[Book, bytes] | None:
        """The newest one that can be read."""
        ...

    def newest_book(self) -> Book | None:
        """The book after the newest entry, as it was then.

        None before the first entry, and where it cannot be read as a whole: then the book is folded from the newest
        snapshot and the entries after it.
        """
        ...

    def window_rows(self, after_ms: int) -> Iterator[BarRow]:
        """Bars that events brought, of the names that are traded now, above a close, rising."""
        ...

    def beat(self, at_ms: int) -> None:
        """Say that the writer is alive; the lease of a writer that is silent too long may be taken."""
        ...

    def close(self) -> None:
        """Give the lease back."""
        ...


class JournalReader(Protocol):
    """What is read of a journal while another process writes it. Times are half open: since, until."""

    @property
    def account(self) -> str:
        """Venue and name of the account."""
        ...

    def last_seq(self) -> int:
        """Number of the newest entry; 0 before the first."""
        ...

    def newest_book(self) -> Book | None:
        """The book after the newest entry; None before the first."""
        ...

    def writer(self) -> WriterRow | None:
        """Who writes; None when nobody does."""
        ...

    def fills(self, since_ms: int = ..., until_ms: int = ..., symbol: str | None = ...) -> Sequence[FillRow]:
        """Executions, rising, with what their orders were for."""
        ...

    def funding(self, since_ms: int = ..., until_ms: int = ..., symbol: str | None = ...) -> Sequence[FundingRow]:
        """Settlements, rising."""
        ...

    def funding_paid(self, since_ms: int = ..., until_ms: int = ...) -> Mapping[str, Decimal]:
        """What each symbol has paid; below 0 it received more."""
        ...

    def qty_steps(self) -> Mapping[str, Decimal]:
        """Size of one lot of every name that was ever traded here; none of one whose lot has changed."""
        ...

    def transfers(self, since_ms: int = ..., until_ms: int = ...) -> Sequence[TransferRow]:
        """Deposits and withdrawals, rising."""
        ...

    def orders(
        self, *, open_only: bool = ..., since_ms: int = ..., until_ms: int = ..., symbol: str | None = ...
    ) -> Sequence[OrderRow]:
        """Orders by the time that they were sent, rising; or those that still stand."""
        ...

    def equity(self, since_ms: int = ..., until_ms: int = ...) -> Sequence[EquityRow]:
        """The book at each close, rising."""
        ...

    def decisions(self, close_ms: int | None = ..., symbol: str | None = ...) -> Sequence[DecisionRow]:
        """What was decided at the close of a bar, or at the newest."""
        ...

    def decided_ms(self, count: int | None = ..., until_ms: int = ...) -> Sequence[int]:
        """Closes of the newest decisions before a time, falling."""
        ...

    def entries(self, after_seq: int) -> Iterator[Entry]:
        """All entries above a number, rising, each against its hash."""
        ...

    def snapshot_before(self, seq: int) -> tuple[Book, bytes] | None:
        """The newest book that was kept before an entry, with its window."""
        ...

    def notes(
        self,
        since_ms: int = ...,
        until_ms: int = ...,
        *,
        name: str | None = ...,
        symbol: str | None = ...,
        count: int | None = ...,
    ) -> Sequence[NoteRow]:
        """What was told, rising; of `count`, the newest. A name that ends in a point names all that begin so."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class Clock(Protocol):
    """The one clock of a process."""

    @property
    def speed(self) -> float:
        """Its seconds in one of the wall: 1, but beside an exchange of ours in time-lapse."""
        ...

    def now_ms(self) -> int:
        """UTC milliseconds."""
        ...


class Sink(Protocol):
    """Where notes go after the commit. It may drop; it never blocks and never raises."""

    def tell(self, at_ms: int, notes: Sequence[Note]) -> None:
        """Take some notes."""
        ...
