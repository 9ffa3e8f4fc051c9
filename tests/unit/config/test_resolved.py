"""As meant: units, weights, caps, hashes."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from xsmom.config.load import load_config
from xsmom.config.resolved import Resolved, digest
from xsmom.errors import ConfigError

VOL = {"strategy.portfolio_vol_target.enabled": True}
RUNGS = {"risk.ladder.enabled": True, "risk.ladder.levels": [1, 2, 4]}


def load(settings: dict[str, Any]) -> Resolved:
    return load_config(None, settings, env={})


MEANT: list[tuple[dict[str, Any], str, Any]] = [
    ({}, "bar_ms", 3_600_000),
    ({"strategy.timeframe": "1d"}, "bar_ms", 86_400_000),
    ({"strategy.timeframe": "5m"}, "bar_ms", 300_000),
    ({"risk.max_daily_loss_pct": 5}, "daily_loss_max_frac", 0.05),
    ({"risk.max_daily_loss_pct": 2.2}, "daily_loss_max_frac", 0.022),
    ({"risk.max_portfolio_drawdown_pct": 15}, "drawdown_max_frac", 0.15),
    ({"risk.daily_loss_pause_minutes": 90}, "daily_loss_pause_ms", 5_400_000),
    ({"risk.stop_move_min_pct": 0.1}, "stop_move_min_frac", 0.001),
    ({"risk.stop_move_min_seconds": 180}, "stop_move_min_ms", 180_000),
    ({"strategy.symbol_filter.ban_hours": 24}, "symbol_score_ban_ms", 86_400_000),
    ({"strategy.atr_regime.low_atr_pct": 0.5}, "atr_regime_low_frac", 0.005),
    (VOL, "vol_target_bars", 72),
    ({**VOL, "strategy.timeframe": "4h"}, "vol_target_bars", 18),
    ({"strategy.timeframe": "1m"}, "vol_target_bars", 2000),  # off: anything the core accepts
    ({"risk.max_hours_in_trade": 48, "strategy.timeframe": "1d"}, "hold_bars_max", 2),
    ({"strategy.gross_leverage": 1.5}, "gross_hard_cap_x", 1.5),
    ({**VOL, "strategy.gross_leverage": 1.5}, "gross_hard_cap_x", 2.1),
    ({**VOL, "strategy.gross_leverage": 2}, "gross_hard_cap_x", 2.5),  # half of leverage 5
    ({**VOL, "strategy.gross_hard_cap": 2.2}, "gross_hard_cap_x", 2.2),
    ({"strategy.max_weight_per_asset": 0.1}, "weight_short_max_frac", 0.1),
    ({"strategy.max_weight_short": 0.04}, "weight_short_max_frac", 0.04),
    ({"strategy.entry_zscore_min": 0.7}, "hold_zscore_min", 0.7),
    ({"strategy.entry_zscore_min": 0.7, "strategy.hysteresis.z_out": 0.2}, "hold_zscore_min", 0.2),
    ({"strategy.lookback_weights": [4, 3, 2, 1]}, "lookback_weights", [0.4, 0.3, 0.2, 0.1]),
    ({"strategy.lookbacks": [96, 48, 24, 12]}, "lookback_bars", [12, 24, 48, 96]),
    ({"strategy.lookbacks": [96, 48, 24, 12]}, "lookback_weights", [0.1, 0.2, 0.3, 0.4]),
    ({"universe.whitelist": ["B", "A", "B"]}, "universe_include", ["A", "B"]),
    ({"strategy.blackout_hours": [5, 1, 5]}, "blackout_hours", [1, 5]),
    ({"strategy.funding_tilt.enabled": True, "strategy.funding_tilt.weight": 0.5}, "funding_tilt_x", 0.5),
    ({"strategy.funding_tilt.weight": 0.5}, "funding_tilt_x", 0.0),
    ({"costs.max_annual_cost_frac": 0.3}, "annual_cost_max_frac", 0.0),
    ({"costs.max_annual_cost_frac": 0.3, "costs.enforce_annual_cost": True}, "annual_cost_max_frac", 0.3),
    (RUNGS, "ladder", [(1.0, 1 / 3), (2.0, 1 / 3), (4.0, 1 / 3)]),
    ({**RUNGS, "risk.ladder.measured_in": "price_pct"}, "ladder_unit", "price_frac"),
    (
        {**RUNGS, "risk.ladder.measured_in": "price_pct"},
        "ladder",
        [(0.01, 1 / 3), (0.02, 1 / 3), (0.04, 1 / 3)],
    ),
    ({**RUNGS, "risk.ladder.sizes": [0.5, 0.2, 0.1]}, "ladder", [(1.0, 0.5), (2.0, 0.2), (4.0, 0.1)]),
    ({"risk.ladder.levels": [1, 2]}, "ladder", []),
    ({"risk.profit_lock.triggers_r": [1.0], "risk.profit_lock.lock_to_r": [0.5]}, "profit_locks_r", []),
]


@pytest.mark.parametrize(("settings", "name", "expected"), MEANT)
def test_units_and_defaults(settings: dict[str, Any], name: str, expected: Any) -> None:
    assert load(settings).params()[name] == expected


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"strategy.gross_leverage": 1}, {"strategy.gross_leverage": 1.0}),
    ({"strategy.k_max": 6}, {"strategy.k_max": 6.0}),
    ({"strategy.lookback_weights": [1, 1, 1, 1]}, {"strategy.lookback_weights": [0.25] * 4}),
    ({"strategy.lookback_weights": [4, 3, 2, 1]}, {}),
    ({"strategy.lookbacks": [24, 12, 48, 96], "strategy.lookback_weights": [0.3, 0.4, 0.2, 0.1]}, {}),
    ({"strategy.gross_leverage": 1.5}, {}),
    ({"strategy.gross_hard_cap": 1.5}, {}),
    ({"strategy.max_weight_short": 0.2}, {}),
    ({"strategy.majors": ["B", "A"]}, {"strategy.majors": ["A", "B", "A"]}),
    ({"strategy": {"k_max": 5}, "risk": {"atr_len": 20}}, {"risk.atr_len": 20, "strategy.k_max": 5}),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_the_same_meaning_has_the_same_hash(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert load(one).config_hash == load(two).config_hash
    assert load(one).params_hash == load(two).params_hash


def test_the_hash_is_the_same_from_file_environment_and_command_line(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("risk:\n  max_daily_loss_pct: 4.0\nstrategy: {k_max: 6}\n")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    variables = {"XSMOM__RISK__MAX_DAILY_LOSS_PCT": "4", "XSMOM__STRATEGY__K_MAX": "6"}
    hashes = {
        load_config(file, env={}).config_hash,
        load_config(tmp_path / "empty.yaml", env=variables).config_hash,
        load_config(None, ["strategy.k_max=6", "risk.max_daily_loss_pct=4"], env={}).config_hash,
    }
    assert len(hashes) == 1


def test_the_digest_is_sha256_of_canonical_json() -> None:
    # printf '{"a":1,"b":[true,0.5,"x"]}' | sha256sum
    expected = "b1c6187394d087bc70f1b865ebceead17eb2a4442b27d3b88924c8b6e712ea22"
    assert digest({"b": [True, 0.5, "x"], "a": 1.0}) == expected


def test_what_is_resolved_cannot_be_changed() -> None:
    config = load({})
    with pytest.raises(AttributeError):
        config.config_hash = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.meant["k_max"] = 9  # type: ignore[index]
    with pytest.raises(AttributeError, match="frozen"):
        config.written.strategy.k_max = 9
    with pytest.raises(AttributeError, match="frozen"):
        del config.written.strategy.k_max
    mine = config.params()
    mine["k_max"] = 9
    mine["lookback_bars"].append(1)  # type: ignore[attr-defined]
    assert config.params()["k_max"] == 4
    assert config.params()["lookback_bars"] == [12, 24, 48, 96]


def test_it_travels_to_another_process() -> None:
    config = load({"strategy.k_max": 6})
    twin = pickle.loads(pickle.dumps(config))
    assert twin.config_hash == config.config_hash
    assert twin.params() == config.params()
    assert twin.origin("strategy.k_max") == "set"


def test_an_unknown_name_is_no_setting() -> None:
    with pytest.raises(AttributeError):
        load({}).value("strategy.nothing")


def test_notes_say_how_a_value_was_understood() -> None:
    notes = load({"strategy.lookback_weights": [2, 1, 1, 0]}).notes
    assert "strategy.lookback_weights sum to 4; used as 0.5, 0.25, 0.25, 0" in notes
    assert "strategy.gross_hard_cap is left out; used as 1.5" in notes
    assert load({"strategy.gross_hard_cap": 1.5}).notes == ()


def test_a_refusal_is_a_config_error_with_exit_code_3() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"strategy.k_max": 0})
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("given", "report", "live"),
    [
        # What a simulation feels: a report of another one permits nothing.
        ({"strategy.gross_leverage": 0.9}, False, True),
        ({"risk.atr_len": 20}, False, True),
        ({"costs.half_spread_bps": 2.0}, False, True),
        ({"universe.banlist": ["BTCUSDT"]}, False, True),
        ({"data.max_spike_frac": 0.4}, False, True),
        # What only the live engine obeys.
        ({"execution.style": "market"}, True, False),
        ({"execution.spread_guard.max_spread_bps": 9}, True, False),
        ({"execution.sentinel.repair_seconds": 90}, True, False),
        ({"risk.venue_limits.max_api_lag_seconds": 3}, True, False),
        ({"risk.max_position_usdt": 500}, True, False),
        ({"exchange.recv_window_ms": 4_000}, True, False),
        # Neither: places, and what each start journals by itself.
        ({"live.state_dir": "elsewhere"}, True, True),
        ({"live.report_max_age_days": 3}, True, True),
        ({"live.ramp_days": 4}, True, True),
        ({"execution.max_order_usdt": 100}, True, True),
        ({"storage.keep_days": 9}, True, True),
        ({"notifications.monitoring.no_trade_hours": 9}, True, True),
    ],
)
def test_two_hashes_part_what_a_report_feels_from_what_live_obeys(given, report: bool, live: bool) -> None:
    plain, changed = load_config("weekly"), load_config("weekly", given)
    assert (changed.config_hash == plain.config_hash) is report
    assert (changed.live_hash == plain.live_hash) is live


def test_no_secret_is_part_of_a_hash(monkeypatch) -> None:
    plain = load_config("weekly")
    for name in ("API_KEY", "API_SECRET", "PROXY_URL"):
        monkeypatch.setenv(f"XSMOM__EXCHANGE__{name}", "http://secret-1234")
    assert load_config("weekly").live_hash == plain.live_hash
