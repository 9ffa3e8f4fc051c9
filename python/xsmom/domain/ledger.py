"""What has happened, in rows: what readers of a journal are shown. Money is Decimal, as the exchange told it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from xsmom.domain.effects import Note


@dataclass(frozen=True, slots=True)
class FillRow:
    """An execution that moved a position."""

    seq: int
    at_ms: int
    symbol: str
    kind: str
    exec_id: str
    client_order_id: str
    order_id: str
    #: Signed.
    lots: int
    price: Decimal
    fee_usdt: Decimal
    is_maker: bool
    #: Of the order that it belongs to, where we know it: why it was wanted, and the price when it was decided.
    purpose: str
    reference_price: float | None


@dataclass(frozen=True, slots=True)
class FundingRow:
    """A settlement; `paid_usdt` below 0 was received."""

    seq: int
    at_ms: int
    symbol: str
    exec_id: str
    mark: Decimal
    paid_usdt: Decimal


@dataclass(frozen=True, slots=True)
class TransferRow:
    """Money that the owner moved in (above 0) or out."""

    seq: int
    at_ms: int
    transfer_id: str
    amount_usdt: Decimal


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order of ours, as last known."""

    seq: int
    client_order_id: str
    parent_id: str
    symbol: str
    purpose: str
    style: str
    reference_price: float | None
    lots: int
    #: None for a market order.
    price: Decimal | None
    reduce_only: bool
    conditional: bool
    phase: str
    filled_lots: int
    order_id: str
    sent_ms: int
    at_ms: int
    why: str
    open: bool


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What was decided of one name at one bar. None is not known."""

    seq: int
    close_ms: int
    symbol: str
    weight_frac: float | None
    reason: str
    goal_lots: int
    lots: int
    mark: float | None


@dataclass(frozen=True, slots=True)
class EquityRow:
    """The book at one close; costs are cumulative. None is not known: a name that is held had no mark."""

    seq: int
    close_ms: int
    equity_usdt: float | None
    unit_value: float | None
    cash_usdt: float | None
    gross_usdt: float | None
    net_usdt: float | None
    fee_usdt: float | None
    slippage_usdt: float | None
    funding_usdt: float | None
    traded_usdt: float | None
    transfers_usdt: float | None
    corrections_usdt: float | None


@dataclass(frozen=True, slots=True)
class NoteRow:
    """Something that was told."""

    seq: int
    at_ms: int
    note: Note


@dataclass(frozen=True, slots=True)
class WriterRow:
    """Who writes the journal, or wrote it last and never gave it back."""

    pid: int
    host: str
    since_ms: int
    beat_ms: int
