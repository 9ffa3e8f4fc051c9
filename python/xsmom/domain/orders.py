"""From what is wanted to what is sent: intents, verdicts, approved orders, and the orders that live."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TypeAlias

from xsmom.domain.trading import OrderRequest
from xsmom.domain.words import Word

ID_PREFIX = "xm"
"""Client order ids of ours begin so; what does not is foreign."""


class Purpose(Word):
    """Why an order is wanted. Everything but REBALANCE only reduces."""

    REBALANCE = "rebalance"
    #: An exit of the kernel (stop touched, rung, age, trend), or a name that left.
    EXIT = "exit"
    #: A guard, the kill switch or the operator wants the book flat.
    FLATTEN = "flatten"
    #: Margin or net is over its limit.
    TRIM = "trim"
    #: A stop that stands on the exchange.
    PROTECT = "protect"


class Style(Word):
    """How an order is worked."""

    POST_ONLY = "post_only"
    LIMIT = "limit"
    MARKET = "market"
    TWAP = "twap"
    VWAP = "vwap"
    #: Sent once, whole, and left alone: what a venue that fills at bars is given.
    WHOLE = "whole"


class Veto(Word):
    """Why an intent was refused or shrunk, in words that logs, metrics and alerts share."""

    KILL_SWITCH = "kill_switch"
    MODE = "mode"
    BREAKER = "breaker"
    API_LAG = "api_lag"
    CLOCK_SKEW = "clock_skew"
    INCOMPLETE_BAR = "incomplete_bar"
    STALE_BOOK = "stale_book"
    MARGIN_SOFT = "margin_soft"
    MARGIN_HARD = "margin_hard"
    MAINTENANCE = "maintenance"
    STOP_COVERAGE = "stop_coverage"
    UNKNOWN_ORDER = "unknown_order"
    HELD_BY_HAND = "held_by_hand"
    NOT_TRADING = "not_trading"
    DELISTING = "delisting"
    POSITION_SIZE = "position_size"
    ORDER_SIZE = "order_size"
    MIN_NOTIONAL = "min_notional"
    NET_CAP = "net_cap"
    RAMP = "ramp"
    WALLET = "wallet"
    FOREIGN = "foreign"
    MISMATCH = "mismatch"
    LIQUIDATION_NEAR = "liquidation_near"
    #: A gate lacked what it needs to judge.
    BLIND = "blind"


@dataclass(frozen=True, slots=True)
class Allow:
    """Nothing against it."""


@dataclass(frozen=True, slots=True)
class Shrink:
    """At most so many lots (unsigned); 0 is a refusal."""

    lots_max: int
    veto: Veto


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not now."""

    veto: Veto
    why: str = ""
    #: An ordinary wait, over in a moment: it holds like any other, and alarms nobody.
    calm: bool = False


Verdict: TypeAlias = Allow | Shrink | Refuse


@dataclass(frozen=True, slots=True)
class Intent:
    """Lots that are wanted of a symbol, signed; one leg of a plan, an exit, a trim."""

    symbol: str
    lots: int
    reduce_only: bool
    purpose: Purpose
    style: Style
    #: Price when it was decided: slippage is measured against it.
    reference_price: float
    #: ATR at the decision; the stop of a new position is laid by it.
    atr: float
    #: Close of the bar that it was decided on, or the moment.
    decided_ms: int
    #: Number within that moment, so that two legs of one symbol differ.
    leg: int = 0
    #: An exit inside a bar: the price at which the bar met it.
    touch_price: float | None = None
    #: Key of the kernel's reason for an exit; empty for everything else.
    exit_by: str = ""
    #: 0 for a first try; a later try of the same intent counts up.
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Approved:
    """An intent that passed every gate. `engine.review` alone makes one; orders come from nothing else."""

    intent: Intent
    lots: int
    client_order_id: str
    vetoes: tuple[Veto, ...] = ()


def client_order_id(run_id: str, intent: Intent) -> str:
    """One intent, one id for ever: a crashed process computes it again."""
    text = "|".join(
        (
            run_id,
            str(intent.decided_ms),
            intent.symbol,
            intent.purpose.value,
            str(intent.leg),
            str(intent.revision),
        )
    )
    # Fifteen bytes are 24 letters.
    letters = base64.b32encode(hashlib.sha256(text.encode()).digest()[:15]).decode().lower()
    return f"{ID_PREFIX}{letters}"


def child_order_id(parent_id: str, child: int) -> str:
    """Id of a slice or a repricing of an approved order; the first one bears the order's own."""
    return parent_id if child == 0 else f"{parent_id}-{child}"


def is_ours(order_id: str) -> bool:
    """Whether a client order id was made here."""
    return order_id.startswith(ID_PREFIX)


class Phase(Word):
    """Where an order of ours stands. The last four are final."""

    #: Journaled, on its way.
    SENT = "sent"
    #: The exchange has taken it; not yet seen in its book.
    ACKED = "acked"
    #: Nobody knows whether it took effect.
    UNKNOWN = "unknown"
    #: Conditional, waiting for its trigger.
    UNTRIGGERED = "untriggered"
    WORKING = "working"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    #: Whether nothing can follow.
    final: bool

    def __init__(self, word: str) -> None:
        # Settled once: it is asked of every order at every event.
        self.final = word in {"filled", "cancelled", "rejected", "expired"}


@dataclass(frozen=True)
class LiveOrder:
    """An order that was sent: the request as last sent, and how far it has come. Without slots: it may `evolve`."""

    request: OrderRequest
    #: Id of the approved order that it carries out (its own, unless it is a slice or a repricing).
    parent_id: str
    phase: Phase
    sent_ms: int
    #: The most that any word of the venue has said, signed; it never falls.
    filled_lots: int = 0
    #: Sum of the executions that were seen: what the book's position already contains.
    traded_lots: int = 0
    order_id: str = ""
    #: The venue's time of the newest word about it.
    at_ms: int = 0
    #: Lookups so far, and when the newest was asked; for orders whose outcome is unknown.
    lookups: int = 0
    looked_ms: int = 0
    cancel_asked_ms: int | None = None
    amend_asked_ms: int | None = None
    #: Since when something about it is in doubt that only a lookup can settle.
    doubted_ms: int | None = None
    #: When its price was last chosen.
    priced_ms: int = 0
    #: When it became final; executions may still follow.
    final_ms: int | None = None
    #: How often it was sent again after its absence was proved.
    resends: int = 0
    #: A trace of it was seen at the venue: it can no longer be proved absent.
    seen: bool = False
    why: str = ""
    #: What was approved, where its task has ended before all its executions were seen: they still carry it out.
    carries: Approved | None = None

    @property
    def client_order_id(self) -> str:
        """Its name."""
        return self.request.client_order_id

    @property
    def symbol(self) -> str:
        """What it trades."""
        return self.request.symbol

    @property
    def left_lots(self) -> int:
        """Signed lots that may still fill; 0 once it is final."""
        return 0 if self.phase.final else self.request.lots - self.filled_lots

    @property
    def untold_lots(self) -> int:
        """Signed lots that the venue says are filled and whose executions have not been seen."""
        return self.filled_lots - self.traded_lots

    @property
    def protective(self) -> bool:
        """Whether it waits for a price; such orders belong to no task."""
        return self.request.trigger is not None


@dataclass(frozen=True)
class Task:
    """An approved order being worked: one or more live orders, until its lots are done or given up."""

    approved: Approved
    started_ms: int
    deadline_ms: int
    #: Lots filled so far, signed, over all its live orders.
    filled_lots: int = 0
    #: Live orders made so far; the next one's number.
    children: int = 0
    #: When the task wants to be looked at next.
    due_ms: int = 0
    #: Crossing has begun: the deadline has passed, or the style crosses at once.
    crossing: bool = False
    #: Market volume seen since it began, USDT, and when it was last added to; for participation.
    seen_turnover_usdt: float = field(default=0.0)
    turnover_ms: int = 0
    #: Sum of |lots| times price over its executions, and what they cost.
    traded_lots: int = 0
    traded_price_lots: float = 0.0
    fee_usdt: float = 0.0
    #: Refusals in a row; more of them wait longer.
    refusals: int = 0
    #: Called off: nothing more is sent, what works is taken back. Empty while it is wanted.
    ending: str = ""
    #: What keeps it from sending now; told once.
    waits_for: str = ""
    #: The gate that has begun to refuse it since it was approved; empty where none does.
    barred_by: str = ""
    #: The venue cannot change an order in its place: take it back, then send anew.
    replaces: bool = False
    #: When the order book was last asked for on its behalf; 0 where no guard needs it.
    depth_asked_ms: int = 0

    @property
    def left_lots(self) -> int:
        """Signed lots still to be done."""
        return self.approved.lots - self.filled_lots
