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
        "symbol_daily_loss": Row(
            "risk.max_symbol_daily_loss_pct",
            "the price of a held name jumps through its stop",
            "guard.symbol_daily_loss",
            "nothing is opened in that name",
            "the next UTC midnight",
            _LOSSES,
            _NOTED,
        ),
        "trade_loss": Row(
            "risk.max_trade_loss_pct",
            "the price of a held name moves against it, short of its stop",
            "guard.trade_loss",
            "that position is closed",
            "nothing has to be",
            _LOSSES,
            _NOTED,
        ),
        "cvar": Row(
            "risk.max_cvar_pct",
            "the process is started again with a limit below what it holds",
            "guard.cvar",
            "nothing is opened",
            "the measure falls below its limit",
            _LOSSES,
            _NOTED,
            "reducing",
        ),
        "stop_cluster": Row(
            "risk.stop_cluster",
            "the prices of two held names jump through their stops",
            "guard.stop_cluster",
            "nothing is opened",
            "`risk.stop_cluster.pause_hours`",
            _LOSSES,
            _NOTED,
            "reducing",
        ),
        "streak": Row(
            "risk.streak",
            "stops on the exchange close positions at a loss",
            "guard.streak",
            "nothing is opened in that name, or at all",
            "`risk.streak.pause_hours`",
            _LOSSES,
            _NOTED,
        ),
        "correlation": Row(
            "strategy.correlation_limit",
            "candles of names that move together",
            "guard.correlation",
            "the second name is made smaller",
            "the next decision",
            _LOSSES,
            _NOTED,
        ),
    }
)
