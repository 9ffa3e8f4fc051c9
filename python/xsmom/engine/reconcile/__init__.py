"""The book beside the venue: orders, fills, positions, wallet. What differs is told, and corrected where it may be."""

from xsmom.engine.reconcile.account import on_account, on_fills_read
from xsmom.engine.reconcile.invariants import INVARIANTS, Blocks, blocked_symbols, blocks
from xsmom.engine.reconcile.origin import Origin, is_contained, origin
from xsmom.engine.reconcile.takeover import hold, release
from xsmom.engine.reconcile.told import on_fill, on_modes, on_started, want
from xsmom.engine.reconcile.transfers import classify, on_move, on_transfer, on_transfers_read

__all__ = [
    "INVARIANTS",
    "Blocks",
    "Origin",
    "blocked_symbols",
    "blocks",
    "classify",
    "hold",
    "is_contained",
    "on_account",
    "on_fill",
    "on_fills_read",
    "on_modes",
    "on_move",
    "on_started",
    "on_transfer",
    "on_transfers_read",
    "origin",
    "release",
    "want",
]
