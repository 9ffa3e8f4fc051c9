"""Settings that contradict each other, and what the user reads; warnings beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from xsmom.config.load import load_config
from xsmom.config.rules import warmups
from xsmom.errors import ConfigError

S, R = "strategy.", "risk."
LESS = "choose less, or longer bars"
AT_MOST = "choose at most 2.5"

REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"costs.margin_tiers": [[5_000, 0.02], [1_000, 0.03]]},
        "costs.margin_tiers: values and rates must rise from row to row",
    ),
    (
        {"costs.margin_tiers": [[5_000, 0.02], [10_000, 2.5]]},
        "costs.margin_tiers has a rate of 2.5: write shares, such as 0.005 for 0.5 %",
    ),
    (
        {"costs.margin_tiers": [[5_000, 0.02]], "costs.liquidation": False},
        "costs.margin_tiers act only with costs.liquidation: true",
    ),
    ({S + "lookbacks": []}, "strategy.lookbacks has 0 items, expected one to eight"),
    ({S + "lookbacks": list(range(1, 10))}, "strategy.lookbacks has 9 items, expected one to eight"),
    (
        {S + "lookbacks": [12, 12, 24, 48]},
        "strategy.lookbacks holds 12 twice; keep one and add up their weights",
    ),
    (
        {S + "lookbacks": [7, 14, 21]},
        "strategy.lookback_weights has 4 items and strategy.lookbacks 3; give one weight for each look-back",
    ),
    (
        {S + "lookback_weights": [0, 0, 0, 0]},
        "strategy.lookback_weights are all 0; give at least one a weight above 0",
    ),
    (
        {S + "lookback_weights": [1, 1, 1, -1]},
        "strategy.lookback_weights, item 4: got -1, expected a number from 0 to 1000000 (share)",
    ),
    (
        {S + "skip_bars": 12},
        "strategy.skip_bars 12 leaves nothing of the shortest look-back 12; choose at most 11",
    ),
    (
        {S + "rebalance.every_bars": 4, S + "rebalance.offset_bars": 4},
        "strategy.rebalance.offset_bars 4 must be below every_bars 4",
    ),
    (
        {S + "entry_throttle.max_new_positions_per_cycle": 1},
        (
            "strategy.entry_throttle.max_new_positions_per_cycle 1 allows a market-neutral book one leg "
            "only, so it would stay flat; choose at least 2"
        ),
    ),
    ({S + "k_min": 5}, "strategy.k_min 5 must not be above strategy.k_max 4"),
    (
        {S + "portfolio_vol_target.min_scale": 2},
        ("strategy.portfolio_vol_target.min_scale 2 must not be above strategy.portfolio_vol_target.max_scale 1.4"),
    ),
    (
        {S + "drawdown_stepdown.start_pct": 15},
        "strategy.drawdown_stepdown.start_pct 15 must be below strategy.drawdown_stepdown.end_pct 15",
    ),
    (
        {S + "hysteresis.z_out": 0.5},
        "strategy.hysteresis.z_out 0.5 must not be above strategy.entry_zscore_min 0",
    ),
    (
        {R + "margin_soft_limit_pct": 90},
        "risk.margin_soft_limit_pct 90 must be below risk.margin_hard_limit_pct 90",
    ),
    (
        {S + "router.corr_exit": 0.9},
        "strategy.router.corr_exit 0.9 must not be above strategy.router.corr_enter 0.6",
    ),
    ({S + "gross_hard_cap": 1}, "strategy.gross_hard_cap 1 must not be below gross_leverage 1.5"),
    (
        {S + "gross_hard_cap": 3},
        "strategy.gross_hard_cap 3 uses 60% of the account's leverage 5, at most 50% may be; " + AT_MOST,
    ),
    (
        {S + "gross_leverage": 3},
        "strategy.gross_leverage 3 uses 60% of the account's leverage 5, at most 50% may be; " + AT_MOST,
    ),
    ({S + "router.enabled": True}, "strategy.router needs strategy.majors, such as [BTCUSDT, ETHUSDT]"),
    (
        {S + "majors_gate.enabled": True},
        "strategy.majors_gate needs strategy.majors, such as [BTCUSDT, ETHUSDT]",
    ),
    (
        {S + "majors_gate.enabled": True, S + "majors": ["BTC", "BTC"]},
        "strategy.majors_gate.min_count 2 can never be met by 1 strategy.majors",
    ),
    (
        {"universe.whitelist": ["A", "B"], "universe.banlist": ["B"]},
        "B stands in universe.whitelist and in universe.banlist; keep it in one",
    ),
    (
        {R + "trailing_enabled": True, R + "trail_atr_mult": 0},
        "risk.trailing_enabled needs risk.trail_atr_mult above 0, such as 1.0",
    ),
    (
        {R + "trail_atr_mult": -1},
        "risk.trail_atr_mult got -1, expected a number from 0 to 100 (ATR)",
    ),
    (
        {R + "risk_per_trade_frac": 0.005, R + "atr_mult_sl": 0},
        "risk.risk_per_trade_frac needs an initial stop: risk.atr_mult_sl above 0",
    ),
    (
        {R + "profit_lock.enabled": True, R + "profit_lock.triggers_r": [1.0]},
        "risk.profit_lock has 1 triggers_r and 0 lock_to_r; give one lock for each trigger",
    ),
    (
        {R + "profit_lock": {"enabled": True, "triggers_r": [2.0, 1.0], "lock_to_r": [0.1, 0.2]}},
        "risk.profit_lock: triggers_r must rise, and lock_to_r must not fall",
    ),
    (
        {R + "profit_lock": {"enabled": True, "triggers_r": [1.0], "lock_to_r": [1.0]}},
        "risk.profit_lock: each lock_to_r must be below its triggers_r",
    ),
    ({R + "ladder.enabled": True}, "risk.ladder needs levels, such as [1, 2, 3]"),
    ({R + "ladder": {"enabled": True, "levels": [2, 1]}}, "risk.ladder.levels must rise"),
    (
        {R + "ladder": {"enabled": True, "levels": [1, 2], "sizes": [0.5]}},
        "risk.ladder has 2 levels and 1 sizes; give one size for each level, or none for equal shares",
    ),
    (
        {R + "ladder": {"enabled": True, "levels": [1, 2], "sizes": [0.7, 0.6]}},
        "risk.ladder.sizes sum to 1.3; a position has only 1 to close",
    ),
    (
        {S + "timeframe": "1d", R + "max_hours_in_trade": 36},
        "risk.max_hours_in_trade 36 is no whole number of 1d bars; the nearest is 48",
    ),
    (
        {S + "portfolio_vol_target": {"enabled": True, "lookback_hours": 1}},
        "strategy.portfolio_vol_target.lookback_hours 1 is 1 bars of 1h, expected 2 to 2000",
    ),
    (
        {S + "lookbacks": [1999, 24, 48, 96], S + "skip_bars": 2},
        "strategy.lookbacks looks back on 2001 bars of 1h in all, at most 2000 are allowed; " + LESS,
    ),
    (
        {"universe.max_symbols": 40, S + "timeframe": "15m"},
        "universe.dollar_volume_days looks back on 2880 bars of 15m in all, at most 2000 are allowed; " + LESS,
    ),
]


@pytest.mark.parametrize(("settings", "text"), REFUSED)
def test_a_contradiction_is_one_sentence(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, dict(_flat(settings)), env={})
    assert str(caught.value) == f"set: {text}"


def _flat(settings: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            found.extend((f"{name}.{leaf}", item) for leaf, item in value.items())
        else:
            found.append((name, value))
    return found


def test_a_contradiction_names_the_line_of_the_setting_that_was_written(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("strategy:\n  k_max: 3\n  k_min: 2\nrisk:\n  atr_len: 20\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file, ["strategy.k_max=1"], env={})
    assert str(caught.value) == f"{file}:3: strategy.k_min 2 must not be above strategy.k_max 1"


def test_several_contradictions_are_all_listed() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"strategy.k_min": 9, "strategy.skip_bars": 50, "risk.ladder.enabled": True}, env={})
    assert len(str(caught.value).splitlines()) == 3


WARNED: list[tuple[dict[str, Any], str]] = [
    (
        {S + "max_weight_per_asset": 0.1},
        (
            "gross 1.5 is out of reach: 4 longs of at most 0.1 make 0.4, half of gross is 0.75; raise "
            "strategy.k_max or the cap, or lower strategy.gross_leverage"
        ),
    ),
    (
        {S + "squeeze_loss_frac": 0.1},
        (
            "gross 1.5 is out of reach: 4 shorts of at most 0.05 make 0.2, half of gross is 0.75; raise "
            "strategy.k_max or the cap, or lower strategy.gross_leverage"
        ),
    ),
    (
        {"universe.max_symbols": 3, "universe.dollar_volume_days": 30},
        "strategy.k_min 2 a side is out of reach with universe.max_symbols 3; legs will be smaller",
    ),
    (
        {S + "max_weight_short": 0.06},
        (
            "a short at its cap whose price triples costs 12% of equity, above 10%; lower "
            "strategy.max_weight_short or set strategy.squeeze_loss_frac to 0.1"
        ),
    ),
    (
        {R + "atr_mult_sl": 0, R + "catastrophic_atr_mult": 0},
        (
            "no position has a stop: risk.atr_mult_sl and risk.catastrophic_atr_mult are 0 and "
            "risk.trailing_enabled is false"
        ),
    ),
    ({R + "max_daily_loss_pct": 0}, "risk.max_daily_loss_pct is 0: no loss of a day flattens the book"),
    (
        {R + "emergency_loss_pct": 6},
        "risk.emergency_loss_pct 6 never acts: the book is flat from risk.max_daily_loss_pct 5 on",
    ),
    (
        {S + "size_power": 0, S + "signal_power": 1.35},
        (
            "set: strategy.signal_power has no effect while strategy.size_power is 0: scores choose the "
            "names and do not weigh them"
        ),
    ),
    (
        {S + "adx_filter.min_adx": 30},
        "set: strategy.adx_filter.min_adx has no effect while strategy.adx_filter.enabled is false",
    ),
    (
        {R + "trail_atr_mult": 2},
        "set: risk.trail_atr_mult has no effect while risk.trailing_enabled is false",
    ),
    (
        {S + "k_min": 4, S + "k_frac": 0.2},
        "set: strategy.k_frac has no effect while strategy.k_min equals strategy.k_max",
    ),
    (
        {S + "vol_scaled_clip": 2},
        "set: strategy.vol_scaled_clip has no effect while strategy.signal_kind is not vol_scaled",
    ),
    (
        {"costs.max_annual_cost_frac": 0.2},
        "set: costs.max_annual_cost_frac has no effect while costs.enforce_annual_cost is false",
    ),
]
QUIET = {S + "max_weight_short": 0.05, S + "k_max": 15}


@pytest.mark.parametrize(("settings", "text"), WARNED)
def test_what_is_odd_is_a_warning(settings: dict[str, Any], text: str) -> None:
    assert text in load_config(None, settings, env={}).warnings


def test_a_plain_configuration_has_no_warning() -> None:
    assert load_config(None, QUIET, env={}).warnings == ()


def test_warm_up_is_the_longest_look_back() -> None:
    base = load_config(None, env={}).written
    assert warmups(base)[0].bars == 4 * 55 + 1  # ATR 28 over finite memory
    longer = load_config(None, {"strategy.regime_filter.enabled": True}, env={}).written
    assert warmups(longer)[0].bars == 4 * 200 + 24
