"""All that goes out. `engine.step` returns these; the loop commits them with their event, then carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from xsmom.domain.orders import Approved
from xsmom.domain.trading import AmendRequest, Modes, OrderRequest, TriggerBy
from xsmom.domain.words import Word


@dataclass(frozen=True, slots=True)
class SendOrder:
    """Send an order that was approved, or a part of it. `touch_price`: see `Intent`."""

    request: OrderRequest
    approved: Approved
    touch_price: float | None = None


@dataclass(frozen=True, slots=True)
class AmendOrder:
    """Change a working order in its place."""

    request: AmendRequest


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Take an order back."""

    symbol: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class SetPositionStop:
    """Both protective legs of a position, in one request."""

    symbol: str
    stop_loss_ticks: int | None
    take_profit_ticks: int | None
    by: TriggerBy


@dataclass(frozen=True, slots=True)
class LookupOrder:
    """Ask what became of an order."""

    symbol: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class EnsureModes:
    """Bring leverage, margin mode and position mode to what the configuration wants."""

    modes: Modes


@dataclass(frozen=True, slots=True)
class FetchAccount:
    """Read account, positions and orders again."""

    why: str


@dataclass(frozen=True, slots=True)
class FetchFills:
    """Read executions since a time again."""

    since_ms: int


@dataclass(frozen=True, slots=True)
class FetchTransfers:
    """Read the wallet's list of movements since a time again."""

    since_ms: int


@dataclass(frozen=True, slots=True)
class FetchDepth:
    """Read the first levels of a name's order book."""

    symbol: str
    levels: int


@dataclass(frozen=True, slots=True)
class HoldCalls:
    """Slow every call that protects nothing and let no opening go, or free them again."""

    held: bool


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Fire `name` at `due_ms`; a later one of the same name takes its place."""

    name: str
    due_ms: int


@dataclass(frozen=True, slots=True)
class Exit:
    """Leave the loop: everything that was asked for is done."""

    why: str


Effect: TypeAlias = (
    SendOrder
    | AmendOrder
    | CancelOrder
    | SetPositionStop
    | LookupOrder
    | EnsureModes
    | FetchAccount
    | FetchFills
    | FetchTransfers
    | FetchDepth
    | HoldCalls
    | SetTimer
    | Exit
)


class Severity(Word):
    """How loudly a note is told."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Note:
    """Something to be told: the name is log line, metric label and alert key alike."""

    name: str
    severity: Severity = Severity.INFO
    fields: Mapping[str, object] = field(default_factory=dict)
