"""The parameters of exits and records by the names of the kernel's ``Params``, with its neutral values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Dict = dict[str, Any]

DEFAULTS: Dict = {
    "bar_ms": 3_600_000,
    "stop_atr_x": 0.0,
    "catastrophic_atr_x": 3.5,
    "trailing_enabled": False,
    "trail_kind": "chandelier",
    "trail_atr_x": 1.0,
    "breakeven_after_r": 0.0,
    "profit_locks_r": [],
    "ladder_unit": "r",
    "ladder": [],
    "no_progress_bars": 0,
    "no_progress_min_r": 0.5,
    "hold_bars_max": 0,
    "regime_flip_exit": False,
    "regime_slope_min_bps_day": 2.0,
    "cooldown_bars": 24,
    "stop_move_min_frac": 0.001,
    "stop_move_min_ms": 180_000,
    "streak_losses": 3,
    "streak_pause_ms": 86_400_000,
    "streak_scope": "symbol",
    "symbol_score_enabled": False,
    "symbol_score_min_trades": 8,
    "symbol_score_win_rate_min": 0.40,
    "symbol_score_profit_factor_min": 1.2,
    "symbol_score_ban_ms": 86_400_000,
}


def full_params(params: Mapping[str, Any]) -> Dict:
    """Fill what is not named; refuse what is not known."""
    unknown = set(params) - set(DEFAULTS)
    if unknown:
        raise KeyError(f"no exit parameter is called {sorted(unknown)}")
    return {**DEFAULTS, **params}
