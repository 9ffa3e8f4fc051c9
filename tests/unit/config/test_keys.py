"""Every setting: those that may be written change what the core is given, the others are refused."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import pytest

from xsmom import _core
from xsmom.config.load import load_config
from xsmom.config.models import fields
from xsmom.config.resolved import Resolved
from xsmom.config.tree import Key, tree
from xsmom.engine.rules import Rules
from xsmom.engine.watchdog import WatchRules
from xsmom.errors import ConfigError

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
    "strategy.entry_throttle.max_new_positions_per_cycle": 2,
    "strategy.entry_throttle.max_open_positions": 2,
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
    "data.dir": "store",
    "data.venue": "binance",
    "data.since": "2021-01-01",
    "data.kinds": ["funding"],
    "data.panel": "market.panel",
    "universe.whitelist": ["BTCUSDT"],
    "universe.banlist": ["DOGEUSDT"],
    "universe.exclude": ["metals"],
    "universe.renames": {"OLDUSDT": "NEWUSDT"},
    "risk.profit_lock.triggers_r": [2.0],
    "risk.profit_lock.lock_to_r": [0.2],
    "costs.margin_tiers": [[50_000, 0.01], [500_000, 0.02]],
    "risk.ladder.levels": [1.5],
    "risk.ladder.sizes": [0.2, 0.3],
    "risk.no_progress.after_hours": 24,
    "risk.max_hours_in_trade": 48,
    "live.max_decision_lag_minutes": 5,
}


# How an exchange is reached, and how the live engine goes about what was decided, shapes no run of the core.
OUTSIDE = ("exchange.", "execution.", "live.", "paper.", "storage.", "risk.kill_switch.file")


def available() -> list[Key]:
    """Settings that may be written and shape a run."""
    return [key for key in tree().keys.values() if key.available and not key.name.startswith(OUTSIDE)]


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
    if get_origin(fields()[key.name].annotation) is Literal:
        return next(choice for choice in get_args(fields()[key.name].annotation) if choice != default)
    if isinstance(default, int):
        return default + 1
    assert isinstance(default, float), f"{key.name} needs a row in OTHER"
    return default + 0.01 if default < 1 else default * 1.01


# What a simulation assumes; the core's decision is not told.
SIMULATION_ONLY = {
    "costs.maker_fee_bps",
    "costs.taker_fee_bps",
    "costs.maker_fill_ratio",
    "costs.half_spread_bps",
    "costs.impact_y",
    "costs.funding",
    "costs.fill",
    "costs.fill_delay_bars",
    "costs.initial_equity_usdt",
    "costs.liquidation",
    "costs.maintenance_margin_pct",
    "costs.margin_tiers",
}
# How raw rows become a panel; neither the core nor the simulation is told.
DATA_ONLY = {"data.max_spike_frac", "data.max_stale_bars", "universe.renames"}
# Which lake is meant; what a run does is the same wherever its panel came from.
PLACES = {"data.dir", "data.venue", "data.since", "data.kinds", "data.panel"}
# What the live engine obeys beside the decision: `Rules` are told. A report is good for all of their values.
ENGINE_BLOCKS = (
    "notifications.",
    "risk.api_circuit_breaker.",
    "risk.kill_switch.",
    "risk.venue_limits.",
)
ENGINE_KEYS = {
    "risk.max_position_usdt",
    "risk.margin_soft_limit_pct",
    "risk.margin_hard_limit_pct",
    "risk.margin_action",
    "risk.maintenance_margin_limit_pct",
    "risk.watchdog_flatten_after_minutes",
}
REFUSED = [key for key in tree().keys.values() if not key.available]


def ids(key: Key) -> str:
    return key.name


def assumed(config: Resolved) -> tuple[object, ...]:
    """All that a simulation assumes beside the decision."""
    return config.costs(), config.timing(), config.margin()


def obeyed(config: Resolved) -> tuple[object, ...]:
    """All that the live engine obeys beside the decision."""
    rules = Rules.of(config)
    return rules.pace, rules.work, rules.gates, rules.protect, rules.agree, WatchRules.of(config)


@pytest.mark.parametrize("key", available(), ids=ids)
def test_a_setting_changes_what_the_core_is_given(key: Key) -> None:
    base = load_config(None, before(key), env={})
    changed = load_config(None, {**before(key), key.name: other(key)}, env={})
    assert changed.value(key.name) != base.value(key.name)
    assert changed.origin(key.name) == "set"
    engine = key.name.startswith(ENGINE_BLOCKS) or key.name in ENGINE_KEYS
    assert (changed.config_hash == base.config_hash) == (key.name in PLACES or engine)
    if key.name in PLACES or engine:
        assert changed.params_hash == base.params_hash
        assert (obeyed(changed) != obeyed(base)) == engine
        return
    if key.name in SIMULATION_ONLY:
        assert changed.params_hash == base.params_hash
        assert assumed(changed) != assumed(base)
        return
    if key.name in DATA_ONLY:
        assert changed.params_hash == base.params_hash
        return
    assert changed.params_hash != base.params_hash
    _core.Params(**changed.params())


@pytest.mark.parametrize("key", REFUSED, ids=ids)
def test_a_setting_that_nothing_obeys_is_refused(key: Key) -> None:
    variable = "XSMOM__" + key.name.upper().replace(".", "__")
    with pytest.raises(ConfigError) as caught:
        load_config(None, env={variable: "1"})
    text = str(caught.value)
    assert f"environment variable {variable}: {key.name} is not available in this version" in text
    assert "\n" not in text


def test_both_kinds_exist() -> None:
    assert len(available()) > 150
    assert len(REFUSED) > 20


def test_the_parameters_are_those_of_the_core() -> None:
    assert sorted(load_config(None, env={}).params()) == sorted(_core.params_fields())


def test_types_of_parameters_are_those_of_the_core() -> None:
    given = load_config(None, env={}).params()
    for name, default in _core.params_defaults().items():
        assert type(given[name]) is type(default), name


def test_every_setting_is_described() -> None:
    for key in tree().keys.values():
        description = fields()[key.name].description or ""
        assert description[:1].isupper() or description.startswith("|Sum of weights|"), key.name
        assert description.endswith((".", "?")), key.name


def test_a_secret_that_nothing_reads_may_not_be_written() -> None:
    secrets = [key for key in tree().keys.values() if key.extras.secret]
    assert len(secrets) > 10
    assert {key.name for key in secrets if key.available} == {
        "exchange.api_key",
        "exchange.api_secret",
        "exchange.proxy_url",
        "exchange.watchdog_api_key",
        "exchange.watchdog_api_secret",
        "storage.url",
    }


TUNED = {
    "strategy.signal_power",
    "strategy.lookbacks",
    "strategy.k_min",
    "strategy.k_max",
    "strategy.regime_filter.ema_len",
    "strategy.regime_filter.slope_min_bps_per_day",
    "strategy.entry_zscore_min",
    "risk.atr_mult_sl",
    "risk.trail_atr_mult",
    "strategy.gross_leverage",
    "strategy.max_weight_per_asset",
    "strategy.portfolio_vol_target.target_ann_vol",
    "strategy.vol_lookback",
}


def test_the_optimiser_may_vary_these() -> None:
    assert {key.name for key in tree().keys.values() if key.extras.tuned} == TUNED
