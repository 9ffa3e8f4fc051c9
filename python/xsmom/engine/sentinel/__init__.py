"""The only writer of protective orders: every position has a verified stop on the exchange, or is closed."""

from xsmom.engine.sentinel.asking import on_fill, on_stop_reply, send_stop
from xsmom.engine.sentinel.guard import coverage_frac, covers, guard_positions, settles
from xsmom.engine.sentinel.ladder import call_rung, is_rung, standing_rungs
from xsmom.engine.sentinel.levels import entry_stop_ticks

__all__ = [
    "call_rung",
    "coverage_frac",
    "covers",
    "entry_stop_ticks",
    "guard_positions",
    "is_rung",
    "on_fill",
    "on_stop_reply",
    "send_stop",
    "settles",
    "standing_rungs",
]
