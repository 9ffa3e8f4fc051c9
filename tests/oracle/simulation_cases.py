"""Configurations, costs and contracts for whole simulations: each rule that needs a past is met by one."""

from typing import Any

import numpy as np

from tests.oracle.account import FREE
from tests.oracle.markets import make_params, random_overlays, random_panel
from tests.oracle.params import DAY_MS, Params
from tests.oracle.simulation import Setup

Dict = dict[str, Any]
HOUR_MS = DAY_MS // 24

COSTS: dict[str, Dict] = {
    "free": dict(FREE),
    "fees": FREE | {"taker_fee_frac": 5e-4},
    "mixed": {
        "taker_fee_frac": 6e-4,
        "maker_fee_frac": -1e-4,
        "maker_share_frac": 0.4,
        "half_spread_frac": 3e-4,
        "impact_y": 0.7,
        "funding": True,
    },
}

# No guard and no record acts unless a scenario says so.
QUIET: Params = {"daily_loss_max_frac": 0.0, "streak_losses": 0}
STOPS: Params = {
    "stop_atr_x": 1.5,
    "cooldown_bars": 3,
    "trailing_enabled": True,
    "trail_atr_x": 2.0,
    "breakeven_after_r": 1.0,
    "profit_locks_r": [(1.5, 0.5), (2.5, 1.5)],
    "ladder": [(0.6, 0.3), (1.4, 0.3), (3.0, 0.4)],
}

META: Params = {"meta_enabled": True, "meta_horizon_bars": 2, "meta_labels_min": 10, "meta_rate": 0.2}

SCENARIOS: dict[str, Params] = {
    "classic": {},
    "no_stop": {"catastrophic_atr_x": 0.0},
    "catastrophic": {"catastrophic_atr_x": 1.0, "cooldown_bars": 2},
    "stops": STOPS,
    "stops_held_long": STOPS | {"rebalance_bars": 7, "hold_bars_max": 0, "entry_zscore_min": 0.4},
    "wide_trail": STOPS | {"trail_kind": "ma_atr", "trail_atr_x": 1.0, "stop_move_min_ms": 3 * HOUR_MS},
    "price_ladder": {"ladder": [(0.004, 0.5), (0.02, 0.25)], "ladder_unit": "price_frac", "rebalance_bars": 5},
    "max_hold": {"hold_bars_max": 3, "rebalance_bars": 4},
    "no_progress": {"no_progress_bars": 2, "no_progress_min_r": 0.4, "rebalance_bars": 6},
    "regime_flip": {"regime_flip_exit": True, "rebalance_bars": 3},
    "daily_loss": {"daily_loss_max_frac": 0.02, "daily_loss_pause_ms": 3 * HOUR_MS},
    "daily_loss_open": {"daily_loss_max_frac": 0.02, "daily_loss_base": "open", "rebalance_bars": 5},
    "emergency": {"emergency_loss_frac": 0.01, "rebalance_bars": 2},
    "drawdown": {"drawdown_max_frac": 0.02, "drawdown_days": 3},
    "longterm": {"longterm_drawdown_max_frac": 0.02, "drawdown_scale_enabled": True, "drawdown_scale_start_frac": 0.01},
    "symbol_loss": {"symbol_daily_loss_max_frac": 0.004},
    "trade_loss": {"trade_loss_max_frac": 0.003, "rebalance_bars": 4},
    "cvar": {"cvar_max_frac": 0.02},
    "stop_cluster": STOPS
    | {"stop_cluster_count": 3, "stop_cluster_window_ms": DAY_MS // 2}
    | {"stop_cluster_pause_ms": 5 * HOUR_MS},
    "streak": {"streak_losses": 2, "streak_pause_ms": 9 * HOUR_MS},
    "book_streak": {"streak_losses": 4, "streak_pause_ms": 4 * HOUR_MS, "streak_scope": "book"},
    "score_ban": {"symbol_score_enabled": True, "symbol_score_min_trades": 3, "symbol_score_win_rate_min": 0.7}
    | {"symbol_score_profit_factor_min": 2.0},
    "tranches": {"tranches": 3, "stop_atr_x": 1.5},
    "slow_tranches": {"tranches": 4, "rebalance_bars": 2, "rebalance_offset_bars": 1},
    "every_four": {"rebalance_bars": 4, "rebalance_offset_bars": 3},
    "budget": {"annual_cost_max_frac": 1.5},
    "no_band": {"band_frac": 0.0},
    "meta": META,
    "meta_with_stops": META | STOPS | {"meta_horizon_bars": 5, "rebalance_bars": 2},
    "half_capital": {"capital_frac": 0.5, "capital_usdt_max": 4_000.0},
}

# Chances of these in a run of random rules.
SOMETIMES = ("stops", "daily_loss", "trade_loss", "streak", "score_ban", "budget", "price_ladder", "max_hold")


def scenario(name: str, *overlays: str) -> Params:
    """The parameters of one scenario."""
    return make_params(*overlays, **{**QUIET, **SCENARIOS[name]})


def part_twins(panel: Dict) -> Dict:
    """The same market, but no two names with one price.

    Their scores are equal up to the rounding of windows with other holes, and neither order is wrong.
    """
    out, close = dict(panel), panel["close"]
    rows, cols = close.shape
    for i in range(cols):
        if any((close[:, i] == close[:, k]).mean() > 0.3 for k in range(i)):
            for name in ("open", "high", "low", "close"):
                apart = np.ones((rows, cols))
                apart[:, i] = 1.0 + 0.001 * np.sin(np.arange(rows))
                out[name] = out[name] * apart
            out["high"] = np.fmax(out["high"], np.fmax(out["open"], out["close"]))
            out["low"] = np.fmin(out["low"], np.fmin(out["open"], out["close"]))
    return out


def rough_market(rng: np.random.Generator, rows: int, cols: int, *, rough: bool = True) -> Dict:
    """A market with holes, deaths and jumps."""
    return part_twins(random_panel(rng, rows, cols, rough=rough))


def contracts_of(panel: Dict, lot_usdt: float, least_usdt: float) -> tuple[list[float], list[float]]:
    """Lots of about so many dollars at each name's first price, and a least order."""
    known = [column[~np.isnan(column)] for column in panel["close"].T]
    first = np.array([column[0] if len(column) else 1.0 for column in known])
    return (lot_usdt / first).tolist(), [least_usdt] * len(known)


def random_setup(rng: np.random.Generator, panel: Dict, **fixed: Any) -> Setup:
    """Costs, timing and contracts by lot."""
    # No divisors of a cap in dollars: a cap of just so many lots would be theirs or one less by rounding.
    lot_usdt = float(rng.choice([0.00313, 1.7321, 191.37]))
    contracts = contracts_of(panel, lot_usdt, float(rng.choice([0.0, 5.0, 260.0])))
    drawn = {
        "costs": COSTS[str(rng.choice(list(COSTS)))],
        "fill_at": str(rng.choice(["open", "close", "vwap"])),
        "delay_bars": int(rng.integers(3)),
        "contracts": contracts,
        "maintenance_frac": float(rng.choice([0.0, 0.01])),
    }
    return Setup(**{**drawn, **fixed})


def random_run(seed: int) -> tuple[Dict, Params, Setup]:
    """A rough market, some rules of every kind, any timing."""
    rng = np.random.default_rng([77, seed])
    overlays = random_overlays(rng, int(rng.integers(5)))
    changes: Params = {**QUIET}
    for name in rng.choice(SOMETIMES, size=int(rng.integers(3)), replace=False):
        changes.update(SCENARIOS[str(name)])
    changes["rebalance_bars"] = int(rng.choice([1, 1, 2, 5]))
    changes["rebalance_offset_bars"] = 0
    panel = rough_market(rng, 120, int(rng.integers(6, 14)), rough=seed % 4 > 0)
    return panel, make_params(*overlays, **changes), random_setup(rng, panel)
