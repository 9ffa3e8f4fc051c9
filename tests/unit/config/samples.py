"""Another valid value for every setting that may be written, with what it needs around it."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from xsmom.config.tree import Key, tree

# Settings whose other value needs company: a switch that makes it count, or a partner of its size.
CONTEXT: dict[str, dict[str, Any]] = {
    "strategy.lookback_weights": {},
    "strategy.router.enabled": {"strategy.majors": ["BTCUSDT", "ETHUSDT"]},
    "strategy.majors_gate.enabled": {"strategy.majors": ["BTCUSDT", "ETHUSDT"]},
    "strategy.rebalance.offset_bars": {"strategy.rebalance.every_bars": 6},
    "strategy.hysteresis.z_out": {"strategy.entry_zscore_min": 1.0},
    "strategy.funding_tilt.weight": {"strategy.funding_tilt.enabled": True},
    "strategy.gross_leverage": {"strategy.gross_hard_cap": 2.4},
    "risk.profit_lock.enabled": {"risk.profit_lock.triggers_r": [1.0], "risk.profit_lock.lock_to_r": [0.5]},
    "risk.profit_lock.triggers_r": {"risk.profit_lock.enabled": True, "risk.profit_lock.lock_to_r": [0.5]},
    "risk.profit_lock.lock_to_r": {"risk.profit_lock.enabled": True, "risk.profit_lock.triggers_r": [1.0]},
    "risk.ladder.enabled": {"risk.ladder.levels": [1.0, 2.0]},
    "risk.ladder.measured_in": {"risk.ladder.enabled": True, "risk.ladder.levels": [1.0, 2.0]},
    "risk.ladder.levels": {"risk.ladder.enabled": True},
    "risk.ladder.sizes": {"risk.ladder.enabled": True, "risk.ladder.levels": [1.0, 2.0]},
    "risk.no_progress.after_hours": {"risk.no_progress.enabled": True},
    "costs.max_annual_cost_frac": {"costs.enforce_annual_cost": True},
}

# What the settings start from, where a value of their own must already stand for the change to be one.
BEFORE: dict[str, Any] = {
    "risk.profit_lock.triggers_r": [1.0],
    "risk.profit_lock.lock_to_r": [0.5],
    "risk.ladder.levels": [1.0],
}

OTHER: dict[str, Any] = {
    "strategy.timeframe": "4h",
    "strategy.lookbacks": [6, 12, 24, 48],
    "strategy.lookback_weights": [1, 1, 1, 1],
    "strategy.k_min": 3,
    "strategy.k_max": 5,
    "strategy.gross_leverage": 1.2,
    "strategy.gross_hard_cap": 2.25,
    "strategy.max_weight_short": 0.1,
    "strategy.capital_frac": 0.5,
    "strategy.majors": ["BTCUSDT"],
    "strategy.blackout_hours": [3, 4],
    "strategy.portfolio_vol_target.lookback_hours": 96,
    "strategy.hysteresis.z_out": 0.5,
    "strategy.funding_tilt.lookback_hours": 96,
    "strategy.funding_tilt.holding_hours": 48,
    "strategy.router.corr_enter": 0.7,
    "strategy.router.corr_exit": 0.4,
    "universe.whitelist": ["BTCUSDT"],
    "universe.banlist": ["USDCUSDT"],
    "risk.profit_lock.triggers_r": [2.0],
    "risk.profit_lock.lock_to_r": [0.2],
    "risk.ladder.levels": [1.5],
    "risk.ladder.sizes": [0.2, 0.3],
    "risk.no_progress.after_hours": 24,
    "risk.max_hours_in_trade": 48,
    "desk.log.dir": "logs",
}


def available() -> list[Key]:
    """Settings that may be written."""
    return [key for key in tree().keys.values() if key.available]


def before(key: Key) -> dict[str, Any]:
    """Settings to start from."""
    start = dict(CONTEXT.get(key.name, {}))
    if key.name in BEFORE:
        start[key.name] = BEFORE[key.name]
    return start


def other(key: Key) -> Any:
    """A valid value that is not the default."""
    if key.name in OTHER:
        return OTHER[key.name]
    default: Any = key.default
    if isinstance(default, bool):
        return not default
    if get_origin(key.field.annotation) is Literal:
        return next(choice for choice in get_args(key.field.annotation) if choice != default)
    if isinstance(default, int):
        return default + 1
    assert isinstance(default, float), f"{key.name} needs a row in OTHER"
    return default + 0.01 if default < 1 else default * 1.01
