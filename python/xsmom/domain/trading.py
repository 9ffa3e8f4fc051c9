"""What passes between us and an account at an exchange: orders, fills, positions, answers.

Sizes are whole lots (of the instrument's `qty_step`), signed: above 0 buys. Prices of orders are whole
ticks. Money is Decimal, as the exchange told it. `at_ms` is the exchange's time of a fact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, TypeAlias, TypeVar

from xsmom.domain.words import Word

T = TypeVar("T")


class TimeInForce(Word):
    """How long an order stands; a market order is always immediate."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"


class TriggerBy(Word):
    """The price that a conditional order watches."""

    LAST = "last"
    MARK = "mark"
    INDEX = "index"


class OrderState(Word):
    """Where an order stands. The last four are final: nothing follows them."""

    UNTRIGGERED = "untriggered"
    WORKING = "working"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self in _FINAL


_FINAL = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})


class FillKind(Word):
    """What moved a position or paid money."""

    TRADE = "trade"
    FUNDING = "funding"
    LIQUIDATION = "liquidation"
    ADL = "adl"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class Trigger:
    """A conditional order wakes when the watched price rises to, or falls to, this one."""

    price_ticks: int
    by: TriggerBy
    rising: bool


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as we want it. Without `price_ticks` it is a market order."""

    client_order_id: str
    symbol: str
    lots: int
    price_ticks: int | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    trigger: Trigger | None = None
    close_on_trigger: bool = False
    #: A stop for the whole position, set with the order where the exchange can do that.
    stop_loss_ticks: int | None = None
    stop_loss_by: TriggerBy = TriggerBy.MARK


@dataclass(frozen=True, slots=True)
class AmendRequest:
    """What is to change of a working order; what is None stays. `lots` is the new whole size, signed."""

    client_order_id: str
    symbol: str
    lots: int | None = None
    price_ticks: int | None = None
    trigger_ticks: int | None = None


class Refusal(Word):
    """Why an exchange said no, in words that hold on every exchange."""

    MARGIN = "margin"
    REDUCE_ONLY = "reduce_only"
    POST_ONLY = "post_only"
    PRICE = "price"
    SIZE = "size"
    NOTIONAL = "notional"
    TRIGGER_SIDE = "trigger_side"
    NOT_FOUND = "not_found"
    ALREADY_DONE = "already_done"
    DUPLICATE_ID = "duplicate_id"
    TOO_MANY = "too_many"
    RATE = "rate"
    CLOCK = "clock"
    AUTH = "auth"
    NO_POSITION = "no_position"
    NOT_TRADING = "not_trading"
    MODE = "mode"
    #: Not sent at all: this account is only looked at.
    WATCHED = "watched"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Ack:
    """The exchange has taken the request. It is an acknowledgement, not yet a fact of the order book."""

    order_id: str
    client_order_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class NoChange:
    """What was asked for is already so."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The exchange said no, before anything took effect."""

    refusal: Refusal
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether it took effect: look it up before anything else."""

    why: str


Answer: TypeAlias = Ack | NoChange | Rejected | Unknown


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as the exchange shows it."""

    order_id: str
    client_order_id: str
    symbol: str
    lots: int
    filled_lots: int
    average_price: Decimal | None
    price_ticks: int | None
    trigger: Trigger | None
    reduce_only: bool
    #: A stop or target that belongs to the position and follows its size.
    of_position: bool
    state: OrderState
    reason: str
    created_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position as the exchange shows it; a flat one has 0 lots."""

    symbol: str
    lots: int
    entry_price: Decimal | None
    mark_price: Decimal
    unrealised_usdt: Decimal
    initial_margin_usdt: Decimal
    maintenance_margin_usdt: Decimal
    liquidation_price: Decimal | None
    leverage_x: Decimal
    stop_loss_ticks: int | None
    take_profit_ticks: int | None
    #: Grows with every change: ties a fill to the position that contains it.
    seq: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class AccountView:
    """Money of the account in its settlement currency, as the exchange told it."""

    equity_usdt: Decimal
    wallet_usdt: Decimal
    available_usdt: Decimal
    initial_margin_usdt: Decimal
    maintenance_margin_usdt: Decimal
    maintenance_rate_frac: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class VenueFill:
    """An execution: a trade, or money that a position paid or received. `fee_usdt` above 0 was paid.

    Funding has 0 lots, since it moves no position; its price is the mark that it was reckoned at.
    """

    exec_id: str
    order_id: str
    client_order_id: str
    symbol: str
    kind: FillKind
    lots: int
    price: Decimal
    fee_usdt: Decimal
    is_maker: bool
    seq: int
    at_ms: int
    #: The price before spread and impact, where whoever filled it knows one; an exchange tells none.
    reference_price: Decimal | None = None


class MoveKind(Word):
    """Why money moved that no execution tells of."""

    #: The owner moved it in or out.
    TRANSFER = "transfer"
    #: The exchange gave or took it: interest, a bonus, a refund, a trade outside of these contracts.
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class MoneyMove:
    """An entry of the wallet's list that no execution tells of; `word` is the exchange's own for it."""

    move_id: str
    kind: MoveKind
    word: str
    #: Above 0 it came in.
    amount_usdt: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The stream was interrupted: what happened since `since_ms` must be read again."""

    since_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Deaf:
    """The stream is down: nothing is heard of the account until the `Gap` that it comes back with."""

    why: str


@dataclass(frozen=True)
class Snapshot(Generic[T]):
    """A complete list, as of a time of the exchange's clock."""

    rows: tuple[T, ...]
    as_of_ms: int


VenueEvent: TypeAlias = OrderView | VenueFill | PositionView | AccountView | Gap | Deaf


@dataclass(frozen=True, slots=True)
class Modes:
    """How the account is to be set: the same for every symbol that is traded."""

    leverage_x: Decimal
    symbols: tuple[str, ...]
    cross_margin: bool = True
    one_way: bool = True


@dataclass(frozen=True, slots=True)
class ModeReport:
    """What was set, what stood already, and what the exchange would not set."""

    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What the exchange says of the key that we use."""

    can_trade: bool
    can_withdraw: bool
    read_only: bool
    ip_bound: bool
    expires_ms: int | None
    account: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an exchange can do; the engine asks this, never the exchange's name."""

    attach_stop: bool
    position_stop: bool
    amend: bool
    lookup_by_client_id: bool
    client_id_length_max: int
    candles_page_max: int
    triggers: frozenset[TriggerBy] = field(default_factory=frozenset)
    #: A dead-man's switch may be armed only where it is proved to leave protective stops standing.
    dead_man_keeps_stops: bool = False
