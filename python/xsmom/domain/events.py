"""All that comes in. One queue brings these; `engine.step` is a function of them and of nothing else.

Each is journaled as it was taken, so that the book can be folded again. `docs/reference/events.md` is
generated from this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from xsmom.domain.limits import Limits
from xsmom.domain.market_data import DepthSight, Instrument, Quote
from xsmom.domain.trading import (
    AccountView,
    Answer,
    ModeReport,
    MoneyMove,
    OrderView,
    PositionView,
    Snapshot,
    VenueFill,
)
from xsmom.domain.window import BarRow
from xsmom.domain.words import Word


class Stage(Word):
    """A bar passes in three moments, in this order; fills of the venue may lie between them."""

    #: Its range is known: stops and rungs that it touched leave now.
    TOUCH = "touch"
    #: Its close is known: the book is marked.
    MARK = "mark"
    #: Levels move, guards judge, targets are decided, orders planned.
    DECIDE = "decide"


@dataclass(frozen=True, slots=True)
class Started:
    """The process began: who trades what. The first event after every boot; it keeps what was held."""

    run_id: str
    at_ms: int
    config_hash: str
    params_hash: str
    version: str
    #: Every name that may be traded, sorted.
    instruments: tuple[Instrument, ...]
    #: Equity that a first start begins with; a later start keeps its own.
    initial_usdt: float
    adopt: bool = False
    ignore: tuple[str, ...] = ()
    #: Bounds of size that hold from now on.
    limits: Limits = field(default_factory=Limits)
    #: Hash of the settings that a report does not feel: execution, gates, exchange, the process.
    live_hash: str = ""


@dataclass(frozen=True, slots=True)
class BarClosed:
    """A bar of all names. The row comes with TOUCH; the later stages speak of the same bar."""

    close_ms: int
    stage: Stage
    row: BarRow | None = None
    #: Closed long ago (a gap was filled): stops advance, nothing is decided.
    late: bool = False


@dataclass(frozen=True, slots=True)
class BarsBackfilled:
    """Bars from before the start, rising: they fill the window and decide nothing."""

    rows: tuple[BarRow, ...]


@dataclass(frozen=True, slots=True)
class QuotesSeen:
    """The newest prices, one per symbol at most."""

    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class InstrumentsSeen:
    """Contracts as the exchange specifies them now: steps, status, delisting dates."""

    instruments: tuple[Instrument, ...]
    at_ms: int


@dataclass(frozen=True, slots=True)
class OrderUpdated:
    """Word from the venue about an order, by stream or by a list."""

    order: OrderView


@dataclass(frozen=True, slots=True)
class OrderLookedUp:
    """Answer to a lookup by client id; `order` is None when it was not seen then."""

    symbol: str
    client_order_id: str
    asked_ms: int
    order: OrderView | None


class Ask(Word):
    """What a reply answers."""

    SUBMIT = "submit"
    AMEND = "amend"
    CANCEL = "cancel"
    STOP = "stop"
    MODES = "modes"


@dataclass(frozen=True, slots=True)
class VenueReplied:
    """The venue's answer to a mutation of ours."""

    ask: Ask
    symbol: str
    #: Empty where the mutation is not about an order.
    client_order_id: str
    sent_ms: int
    answer: Answer | None = None
    modes: ModeReport | None = None


@dataclass(frozen=True, slots=True)
class DepthSeen:
    """The order book of one name, that an entry of ours waits for."""

    depth: DepthSight


@dataclass(frozen=True, slots=True)
class FillSeen:
    """An execution: a trade, a liquidation, a delivery."""

    fill: VenueFill


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """A settlement on a position of ours; `fill.fee_usdt` above 0 was paid."""

    fill: VenueFill


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """The account as the venue tells it. What could not be read is None: unknown, never flat."""

    at_ms: int
    account: AccountView | None = None
    positions: Snapshot[PositionView] | None = None
    orders: Snapshot[OrderView] | None = None
    #: What was asked for and could not be read, and why.
    failed: tuple[tuple[str, str], ...] = ()
    #: Our time before the first question went out: nothing in it is older. 0 where nobody noted it.
    asked_ms: int = 0


@dataclass(frozen=True, slots=True)
class FillsRead:
    """Every execution since `since_ms` that the venue knew at `asked_ms` has been handed on, or why not."""

    since_ms: int
    asked_ms: int
    failed: str = ""


@dataclass(frozen=True, slots=True)
class TransferSeen:
    """Money that the owner moved in (above 0) or out."""

    transfer_id: str
    amount_usdt: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class MoveSeen:
    """Money that the exchange gave or took, and no execution tells why: named, never folded by itself."""

    move: MoneyMove


@dataclass(frozen=True, slots=True)
class TransfersRead:
    """Every movement since `since_ms` that the venue listed at `asked_ms` has been handed on, or why not."""

    since_ms: int
    asked_ms: int
    failed: str = ""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """How the line to the venue has been since the last such event."""

    at_ms: int
    calls: int
    failures: int
    #: Mean time of a call; NaN without calls.
    lag_ms: float
    #: Our clock less the venue's, and how far off that may be.
    skew_ms: float
    skew_bound_ms: float
    #: The private stream stands.
    streaming: bool
    #: The venue says that it is in maintenance, or takes reductions only.
    maintenance: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer that an effect had set."""

    name: str
    due_ms: int


class Command(Word):
    """What an operator may ask for."""

    KILL = "kill"
    KILL_CLEAR = "kill_clear"
    FLATTEN = "flatten"
    PAUSE = "pause"
    RESUME = "resume"
    RELEASE = "release"
    REARM = "rearm"
    RECONCILE = "reconcile"
    CLASSIFY = "classify"
    STOP_KEEP = "stop_keep"
    STOP_FLATTEN = "stop_flatten"


@dataclass(frozen=True, slots=True)
class CommandGiven:
    """A command, who gave it, and how."""

    command: Command
    by: str
    at_ms: int
    reason: str = ""
    args: Mapping[str, str] = field(default_factory=dict)


Event: TypeAlias = (
    Started
    | BarClosed
    | BarsBackfilled
    | QuotesSeen
    | DepthSeen
    | InstrumentsSeen
    | OrderUpdated
    | OrderLookedUp
    | VenueReplied
    | FillSeen
    | FundingPaid
    | AccountSeen
    | FillsRead
    | TransferSeen
    | MoveSeen
    | TransfersRead
    | LinkChanged
    | TimerFired
    | CommandGiven
)


def bars_of(event: Event) -> tuple[BarRow, ...]:
    """The bars that an event brings to the window."""
    if isinstance(event, BarsBackfilled):
        return event.rows
    if isinstance(event, BarClosed) and event.row is not None:
        return (event.row,)
    return ()
