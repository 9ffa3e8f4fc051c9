"""The book: all that we hold and know. It is a fold over events, and nothing of it comes from elsewhere.

Everything is replaced, never changed in place: an array in a book is read-only by agreement, a mapping too. States of
the core (positions, decision, guards, records, labels) are its dictionaries of columns, one entry a name of the roster.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.limits import Limits
from xsmom.domain.market_data import DepthSight, Instrument, Quote
from xsmom.domain.orders import LiveOrder, Task
from xsmom.domain.protection import Protection
from xsmom.domain.trading import AccountView, OrderView, PositionView
from xsmom.domain.words import Word

Floats: TypeAlias = NDArray[np.float64]
Lots: TypeAlias = NDArray[np.int64]
Columns: TypeAlias = Mapping[str, Any]
"""A state of the core: arrays and plain values by name."""


class Mode(Word):
    """What may be done now; the table of transitions is in `engine.modes`."""

    BOOT = "boot"
    RECONCILING = "reconciling"
    TRADING = "trading"
    #: Positions may only shrink.
    REDUCING = "reducing"
    FLATTENING = "flattening"
    HALTED = "halted"


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """Every name that may be traded, sorted, with what its contract prescribes, column by column."""

    instruments: tuple[Instrument, ...]
    symbols: tuple[str, ...]
    qty_step: Floats
    price_tick: Floats
    notional_usdt_min: Floats
    lots_max: Lots
    listed_ms: Lots
    delisted_ms: Lots

    @classmethod
    def of(cls, instruments: tuple[Instrument, ...]) -> Roster:
        """Columns of these contracts."""
        ranked = tuple(sorted(instruments, key=lambda one: one.symbol))

        def floats(read: str) -> Floats:
            return np.array([float(getattr(one, read)) for one in ranked], dtype=np.float64)

        def whole(read: str) -> Lots:
            return np.array([getattr(one, read) for one in ranked], dtype=np.int64)

        return cls(
            instruments=ranked,
            symbols=tuple(one.symbol for one in ranked),
            qty_step=floats("qty_step"),
            price_tick=floats("price_tick"),
            notional_usdt_min=floats("notional_usdt_min"),
            lots_max=whole("lots_max"),
            listed_ms=whole("listed_ms"),
            delisted_ms=whole("delisted_ms"),
        )

    def index(self, symbol: str) -> int | None:
        """Column of a symbol; None for one that is not ours to trade."""
        at = bisect_left(self.symbols, symbol)
        return at if at < len(self.symbols) and self.symbols[at] == symbol else None

    def __len__(self) -> int:
        return len(self.symbols)


@dataclass(frozen=True)
class Money:
    """Cash form: buying q at p takes q*p; equity = cash + sum of units * mark.

    `units` is the number of shares of the book: a transfer buys or sells some at the value then, so that the value of
    one is moved by results alone. Costs are cumulative, what the book has lost to each.
    """

    cash_usdt: float
    units: float
    unit_value_peak: float = 1.0
    #: What one share was worth when the last of them was taken out: what comes in again goes on from there.
    unit_value_last: float = 1.0
    fee_usdt: float = 0.0
    funding_usdt: float = 0.0
    #: Executed against the price when it was decided, USDT; below 0 was better.
    slippage_usdt: float = 0.0
    traded_usdt: float = 0.0
    transfers_usdt: float = 0.0
    #: Corrections that reconciling made, USDT.
    corrections_usdt: float = 0.0
    fills: int = 0

    @property
    def paid_usdt(self) -> float:
        """All costs so far."""
        return self.fee_usdt + self.slippage_usdt + self.funding_usdt


@dataclass(frozen=True, eq=False)
class Names:
    """What is remembered of each name beside its position."""

    mark: Floats
    stale_bars: NDArray[np.uint32]
    #: Cash flows since the start, and since the position opened.
    flow_usdt: Floats
    trip_flow_usdt: Floats
    funding_usdt: Floats
    fee_usdt: Floats
    slippage_usdt: Floats
    #: Lots that the newest plan wants; what is held is compared with it.
    goal_lots: Lots
    #: A guard asked for this position to be closed.
    close_asked: NDArray[np.bool_]
    #: The operator did.
    close_ordered: NDArray[np.bool_]

    @classmethod
    def blank(cls, names: int) -> Names:
        """Nothing known yet."""
        return cls(
            mark=np.full(names, np.nan),
            stale_bars=np.zeros(names, dtype=np.uint32),
            flow_usdt=np.zeros(names),
            trip_flow_usdt=np.zeros(names),
            funding_usdt=np.zeros(names),
            fee_usdt=np.zeros(names),
            slippage_usdt=np.zeros(names),
            goal_lots=np.zeros(names, dtype=np.int64),
            close_asked=np.zeros(names, dtype=bool),
            close_ordered=np.zeros(names, dtype=bool),
        )


@dataclass(frozen=True, eq=False)
class Cycle:
    """Where the clock of bars stands, and the newest decision."""

    touched_ms: int = 0
    marked_ms: int = 0
    #: Newest bar whose close went through levels and guards, and the newest that was decided.
    closed_ms: int = 0
    decided_ms: int = 0
    window_hash: str = ""
    weight_frac: Floats = field(default_factory=lambda: np.zeros(0))
    reasons: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, dtype=np.uint8))
    #: What the guards allow: none, block_entries, flatten; and which of them rules.
    guard: str = "none"
    guard_by: str = ""
    #: A position has left since the last plan.
    exited: bool = False
    #: Cumulative cost at each close of the newest week, oldest first.
    paid_week: tuple[float, ...] = ()
    decisions: int = 0
    #: ATR of each name at the newest close; empty before the first.
    atr: Floats = field(default_factory=lambda: np.zeros(0))
    #: Share of names with a bar in the newest row.
    complete_frac: float = 1.0


@dataclass(frozen=True, slots=True)
class Health:
    """The line to the venue, as the gates judge it."""

    #: Times of newest errors, within the breaker's window.
    errors_ms: tuple[int, ...] = ()
    #: 0 is closed. Open until then; after that half open, until a probe has come back well.
    breaker_until_ms: int = 0
    breaker_probe_ms: int = 0
    lag_ms: float = 0.0
    skew_ms: float = 0.0
    skew_bound_ms: float = 0.0
    link_ms: int = 0
    streaming: bool = False
    maintenance: bool = False
    maintenance_until_ms: int = 0
    calls: int = 0
    failures: int = 0
    #: (time, calls, failures, mean time of a call) of the newest five minutes.
    recent: tuple[tuple[int, int, int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Kill:
    """The kill switch, latched."""

    active: bool = False
    flatten: bool = False
    reason: str = ""
    by: str = ""
    at_ms: int = 0
    #: Flattening is done: nothing is held and nothing works.
    done: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """A difference between book and venue: believed once later readings show the very same."""

    what: str
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class VenueFacts:
    """The newest complete word of the venue about our account; None is unknown."""

    account: AccountView | None = None
    account_ms: int = 0
    positions: Mapping[str, PositionView] | None = None
    positions_ms: int = 0
    #: Newest time of the venue's lists of orders.
    orders_ms: int = 0
    reconciled_ms: int = 0
    #: Orders and positions at the venue that no plan of ours knows.
    foreign: tuple[str, ...] = ()
    #: Wallet less what the book explains, USDT; what the operator has classified is taken out.
    unexplained_usdt: float = 0.0
    wallet_base_usdt: float | None = None
    #: Times of the venue: what moved money up to the first is in the base or was classified; the second is the newest
    #: reading of the wallet that showed what is unexplained.
    wallet_base_ms: int = 0
    unexplained_ms: int = 0
    #: What the exchange itself names of the unexplained, by its word, USDT.
    named: Mapping[str, float] = field(default_factory=dict)
    #: Broken invariants, each `R7 BTCUSDT: what is wrong`; `engine.reconcile.invariants` lists them.
    mismatches: tuple[str, ...] = ()
    #: Live conditional orders that may stand as stops, by symbol.
    stops: Mapping[str, tuple[OrderView, ...]] = field(default_factory=dict)
    #: Differences that are not believed yet, by what they are about.
    doubts: Mapping[str, Doubt] = field(default_factory=dict)
    #: Positions taken over from the venue: sequence and time that they contain, by symbol.
    taken: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    #: When account and fills were last asked for, and up to when all fills are known to be told.
    asked_ms: int = 0
    answered_ms: int = 0
    fills_asked_ms: int = 0
    fills_answered_ms: int = 0
    fills_ms: int = 0
    #: Why a reading is wanted now; empty when none is. Fills are wanted from a time on.
    wanted: str = ""
    fills_wanted_ms: int | None = None
    #: The same of transfers: asked for, heard of even if in vain, known up to, wanted from.
    transfers_asked_ms: int = 0
    transfers_told_ms: int = 0
    transfers_ms: int = 0
    transfers_wanted_ms: int | None = None
    #: What could not be read at the newest try, and why.
    unread: tuple[tuple[str, str], ...] = ()
    #: Leverage, margin and position mode have been answered for since the start; until then nothing is opened.
    modes_told: bool = True
    #: When the modes of the account are asked for again; 0 while nobody waits for them.
    modes_due_ms: int = 0
    #: Due times of the timers that are set.
    sentinel_due_ms: int = 0
    reconcile_due_ms: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """Since when something is not as it should be, for alarms that wait a while; 0 is all well."""

    #: A plan had orders, and none of any plan has filled since.
    unfilled_ms: int = 0
    #: There are targets, nothing is held, and no plan has an order.
    orderless_ms: int = 0
    #: Positions that are to be closed and still stand.
    exits_ms: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Book:
    """Everything. `seq` counts the events that made it."""

    seq: int
    as_of_ms: int
    run_id: str
    mode: Mode
    mode_ms: int
    mode_why: str
    started_ms: int
    first_ms: int
    config_hash: str
    roster: Roster
    money: Money
    names: Names
    cycle: Cycle
    positions: Columns
    records: Columns
    guards: Columns
    decision: Columns
    labels: Columns | None = None
    orders: Mapping[str, LiveOrder] = field(default_factory=dict)
    tasks: Mapping[str, Task] = field(default_factory=dict)
    protection: Mapping[str, Protection] = field(default_factory=dict)
    health: Health = field(default_factory=Health)
    kill: Kill = field(default_factory=Kill)
    venue: VenueFacts = field(default_factory=VenueFacts)
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    #: Order books that entries waited for, the newest of each name.
    depths: Mapping[str, DepthSight] = field(default_factory=dict)
    #: Executions that were folded, by id, with their time; those of the newest days.
    fills_seen: Mapping[str, int] = field(default_factory=dict)
    transfers_seen: Mapping[str, int] = field(default_factory=dict)
    #: Symbols under the owner's hand, and why.
    held_by_hand: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    #: Positions that stand at the first start are taken over.
    adopt: bool = False
    paused: str = ""
    #: keep or flatten: the process is to end, with positions or without.
    stopping: str = ""
    #: The operator wants the book flat, and why; empty once it is.
    flattening: str = ""
    last_fill_ms: int = 0
    #: When the newest plan with orders was made.
    last_plan_ms: int = 0
    loud_ms: Mapping[str, int] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)
    #: When the timer of working orders is set to fire; 0 is not at all. And when stale ones were last swept.
    work_due_ms: int = 0
    swept_ms: int = 0
    limits: Limits = field(default_factory=Limits)

    @property
    def lots(self) -> Lots:
        """Signed lots held."""
        held: Lots = self.positions["lots"]
        return held

    @property
    def flat(self) -> bool:
        """Nothing held."""
        return not np.count_nonzero(self.lots)
