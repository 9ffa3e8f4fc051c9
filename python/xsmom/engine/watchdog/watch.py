"""What the watchdog knows, what it is told, and what it may do.

There is no action that takes a stop back: that the watchdog never does so is a matter of type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from xsmom.config.resolved import Resolved
from xsmom.domain.effects import Note
from xsmom.domain.market_data import Instrument
from xsmom.domain.trading import OrderRequest, OrderView, PositionView

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class WatchRules:
    """The watchdog's settings, in the engine's units."""

    #: Silence of the trader that counts as its end: the kill switch is latched, and it is told.
    silent_ms: int = 120_000
    #: Silence after which everything is closed, covered or not.
    flatten_after_ms: int = 3_600_000
    #: A position without a stop is believed when two looks, so far apart, show it.
    confirm_ms: int = 10_000
    #: Time between looks at the exchange: while the trader lives, and while it does not.
    look_ms: int = 300_000
    look_silent_ms: int = 10_000
    #: Longest wait between looks that fail.
    look_failed_max_ms: int = 60_000
    #: A pause of our own from which on the silence of others is counted anew; never hastened.
    gap_ms: int = 120_000
    #: What lasts is told again after so long.
    repeat_ms: int = 300_000
    #: Worst price, from the mark, of the first order that closes; it doubles every `widen_ms` up to the widest.
    cross_frac: float = 0.002
    cross_frac_max: float = 0.05
    widen_ms: int = 10_000
    #: What a bounded price has not closed by then is closed at the market.
    market_after_ms: int = 60_000

    @classmethod
    def of(cls, config: Resolved) -> WatchRules:
        """Rules as the configuration means them."""
        written = config.written
        return cls(
            silent_ms=written.notifications.monitoring.heartbeat_seconds * 1_000,
            flatten_after_ms=written.risk.watchdog_flatten_after_minutes * _MINUTE_MS,
            cross_frac=written.execution.max_cross_bps / 10_000,
            market_after_ms=round(written.risk.kill_switch.market_after_seconds * 1_000),
        )

    def hasten(self, lapse: float) -> WatchRules:
        """The same waits in time-lapse, for an exchange of one's own: an hour passes `lapse` times as fast."""
        waits = (
            "silent_ms", "flatten_after_ms", "confirm_ms", "look_ms", "look_silent_ms", "look_failed_max_ms",
            "repeat_ms", "widen_ms", "market_after_ms",
        )  # fmt: skip
        return replace(self, **{name: max(1, round(getattr(self, name) / lapse)) for name in waits})


@dataclass(frozen=True, slots=True)
class Beat:
    """The newest sign of life of the trader: what tells it from the one before, and when it says that it was made."""

    at_ms: int
    pid: int
    seq: int
    kill: bool
    #: What it says itself is wrong with it, so that it cannot see to its positions; empty while it can.
    unwell: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the exchange. What could not be read is None: unknown, which is neither flat nor covered."""

    at_ms: int
    positions: tuple[PositionView, ...] | None
    orders: tuple[OrderView, ...] | None
    contracts: Mapping[str, Instrument] = field(default_factory=dict)
    #: Symbols of the account that the trader leaves alone, and so do we.
    ignored: frozenset[str] = frozenset()
    #: What failed, in words.
    why: str = ""

    @property
    def held(self) -> tuple[PositionView, ...]:
        """Positions that are watched; empty also where they are unknown."""
        return tuple(one for one in self.positions or () if one.lots and one.symbol not in self.ignored)


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known between two rounds. Times are of this machine's clock."""

    #: Since when somebody has watched without a gap; a silence that nobody watched does not count.
    watched_ms: int
    round_ms: int
    beat: Beat | None = None
    heard_ms: int = 0
    looked_ms: int = 0
    looks_failed: int = 0
    #: Since when every complete look has shown a position without a stop that covers it.
    uncovered_ms: int | None = None
    #: Since when, and why, everything is being closed.
    flatten_ms: int | None = None
    flatten_why: str = ""
    silent: bool = False
    #: When each note was told last.
    told_ms: Mapping[str, int] = field(default_factory=dict)

    @property
    def silence_from_ms(self) -> int:
        """Where the silence began."""
        return max(self.watched_ms, self.heard_ms)


@dataclass(frozen=True, slots=True)
class Latch:
    """Set the kill switch, so that a trader that comes back finds itself halted."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Say something."""

    note: Note


@dataclass(frozen=True, slots=True)
class CancelEntry:
    """Take an order back that would open or add."""

    symbol: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close a position, or a part of it where one order may not have it all; always reduce-only."""

    request: OrderRequest


Action: TypeAlias = Latch | Tell | CancelEntry | Close
