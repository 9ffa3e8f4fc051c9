"""How approved orders are worked: the only room that sends, changes and takes back orders that are meant to fill."""

from __future__ import annotations

from xsmom.engine.execution.cancel import bar_entries, call_off_entries, cancel_entries, cancel_symbol
from xsmom.engine.execution.doubt import on_lookup
from xsmom.engine.execution.leaning import on_depth
from xsmom.engine.execution.progress import on_fill, on_update
from xsmom.engine.execution.replies import on_reply
from xsmom.engine.execution.start import start
from xsmom.engine.execution.table import TABLE, Happening
from xsmom.engine.execution.waiting import working_lots
from xsmom.engine.execution.work import TIMER, work

__all__ = [
    "TABLE",
    "TIMER",
    "Happening",
    "bar_entries",
    "call_off_entries",
    "cancel_entries",
    "cancel_symbol",
    "on_depth",
    "on_fill",
    "on_lookup",
    "on_reply",
    "on_update",
    "start",
    "work",
    "working_lots",
]
