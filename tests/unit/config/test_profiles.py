"""The shipped profiles: what they set, and that both copies are one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from xsmom import _core
from xsmom.config.listing import settings_lines
from xsmom.config.load import load_config
from xsmom.config.profiles import profile_names, read_profile_text
from xsmom.errors import ConfigError

TOP = Path(__file__).parents[3] / "config"

CLASSIC: dict[str, Any] = {
    "strategy.timeframe": "1h",
    "strategy.lookbacks": [12, 24, 48, 96],
    "strategy.lookback_weights": [0.4, 0.3, 0.2, 0.1],
    "strategy.signal_power": 1.35,
    "strategy.vol_lookback": 96,
    "strategy.k_min": 2,
    "strategy.k_max": 4,
    "strategy.gross_leverage": 1.5,
    "strategy.max_weight_per_asset": 0.20,
    "strategy.market_neutral": True,
    "strategy.entry_zscore_min": 0,
    "strategy.regime_filter.enabled": True,
    "strategy.regime_filter.ema_len": 200,
    "strategy.regime_filter.slope_min_bps_per_day": 2.0,
    "strategy.symbol_filter.enabled": True,
    "strategy.symbol_filter.min_trades": 8,
    "strategy.symbol_filter.win_rate_threshold": 0.40,
    "strategy.symbol_filter.pf_threshold": 1.2,
    "strategy.symbol_filter.ban_hours": 24,
    "strategy.portfolio_vol_target.enabled": True,
    "strategy.portfolio_vol_target.target_ann_vol": 0.30,
    "strategy.portfolio_vol_target.lookback_hours": 72,
    "strategy.portfolio_vol_target.min_scale": 0.6,
    "strategy.portfolio_vol_target.max_scale": 1.4,
    "risk.atr_len": 28,
    "risk.atr_mult_sl": 2,
    "risk.trailing_enabled": False,
    "risk.breakeven_after_r": 0,
    "risk.max_daily_loss_pct": 5,
}
WEEKLY: dict[str, Any] = {
    "strategy.timeframe": "1d",
    "strategy.lookbacks": [7, 14, 21, 28],
    "strategy.lookback_weights": [0.25] * 4,
    "strategy.signal_kind": "vol_scaled",
    "strategy.signal_combine": "rank",
    "universe.max_symbols": 40,
    "universe.min_age_days": 90,
    "strategy.k_min": 10,
    "strategy.k_max": 12,
    "strategy.gross_leverage": 1.0,
    "strategy.max_weight_per_asset": 0.05,
    "strategy.max_weight_short": 0.04,
    "strategy.portfolio_vol_target.enabled": True,
    "strategy.portfolio_vol_target.target_ann_vol": 0.20,
    "strategy.tranches.count": 7,
    "strategy.no_trade_band_frac": 0.25,
    "risk.atr_mult_sl": 0,
    "risk.catastrophic_atr_mult": 3.5,
    "risk.trailing_enabled": False,
}


@pytest.mark.parametrize(("name", "expected"), [("classic", CLASSIC), ("weekly", WEEKLY)])
def test_a_profile_holds_what_it_is_known_for(name: str, expected: dict[str, Any]) -> None:
    config = load_config(name, env={})
    assert {key: config.value(key) for key in expected} == expected
    _core.Params(**config.params())


@pytest.mark.parametrize("name", ["classic", "weekly"])
def test_both_copies_are_one(name: str) -> None:
    assert (TOP / f"{name}.yaml").read_text(encoding="utf-8") == read_profile_text(name)


@pytest.mark.parametrize("name", ["classic", "weekly"])
def test_what_is_shown_loads_to_the_same_hash(name: str, tmp_path: Path) -> None:
    config = load_config(name, env={})
    file = tmp_path / "config.yaml"
    file.write_text("\n".join(settings_lines(config, origin=True)))
    again = load_config(file, env={})
    assert again.config_hash == config.config_hash
    assert again.params() == config.params()


def test_a_weekly_position_of_forty_names_is_the_eleventh() -> None:
    config = load_config("weekly", env={}).written.strategy
    assert round(config.k_frac * 40) == 11


def test_the_weekly_profile_gives_no_warning() -> None:
    assert load_config("weekly", env={}).warnings == ()


def test_the_classic_profile_warns_of_a_squeeze() -> None:
    warnings = load_config("classic", env={}).warnings
    assert len(warnings) == 1
    assert "whose price triples costs 40% of equity" in warnings[0]


def test_other_names_are_refused() -> None:
    assert profile_names() == ("classic", "weekly")
    with pytest.raises(ConfigError, match="there is no profile 'daily'; expected one of classic, weekly"):
        read_profile_text("daily")
