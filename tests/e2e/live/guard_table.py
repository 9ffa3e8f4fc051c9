"""Every guard: what switches it on, how it is provoked on the wire, what must be seen, and what clears it.

The page `docs/explanation/guard-table.md` is made from these rows. A test of the house holds that every gate, every
guard of the core and every alarm has its row, and that both tests of a row speak of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

_LIVE = "tests/e2e/live"
_UNIT = "tests/unit/engine"


@dataclass(frozen=True)
class Row:
    """One guard. `mode` names what the engine's mode becomes, where it changes."""

    setting: str
    provoked: str
    alert: str
    seen: str
    clears: str
    on_wire: str
    in_step: str
    mode: str | None = None


_LOSSES = f"{_LIVE}/test_guards_of_losses.py"
_NOTED = f"{_UNIT}/test_guard_notes.py"

ROWS = MappingProxyType(
    {
        "emergency_loss": Row(
            "risk.emergency_loss_pct",
            "the price of a held name moves against it",
            "guard.emergency_loss",
            "nothing is opened, the rest stays",
            "the next UTC midnight",
            _LOSSES,
            _NOTED,
            "reducing",
        ),
        "daily_loss": Row(
            "risk.max_daily_loss_pct",
            "it moves further",
            "guard.daily_loss",
            "everything is closed",
            "the next UTC midnight, after the pause",
            _LOSSES,
            _NOTED,
            "flattening",
        ),
        "drawdown": Row(
            "risk.max_portfolio_drawdown_pct",
            "it moves further on the next day",
            "guard.drawdown",
            "everything is closed",
            "`xsmom rearm drawdown`",
            _LOSSES,
            _NOTED,
            "flattening",
        ),
        "longterm_drawdown": Row(
            "risk.max_longterm_drawdown_pct",
            "it moves further on the next day",
            "guard.longterm_drawdown",
            "nothing is opened",
            "`xsmom rearm longterm_drawdown`",
            _LOSSES,
            _NOTED,
        ),
    }
)
