"""The core's features against the slow twin's, value by value."""

import numpy as np
import pytest

from tests.oracle import core, markets, realdata
from tests.oracle.compare import check_features
from tests.oracle.features import features
from tests.oracle.params import DAY_MS, DEFAULT_PARAMS

ALL_ON = ["rank", "top_n", "beta_neutral", "dispersion_k", "risk", "adv", "regime", "adx"]
ALL_ON += ["majors", "breakout", "vol_regime", "funding", "router", "halve", "vol_target"]


def check(panel, params):
    check_features(core.features(panel, params), features(panel, params))


@pytest.mark.parametrize("overlay", ["none", *markets.OVERLAYS])
def test_each_rule_alone_on_a_rough_market(overlay):
    rng = np.random.default_rng(sorted(markets.OVERLAYS).index(overlay) if overlay != "none" else 99)
    params = markets.make_params(*([] if overlay == "none" else [overlay]))
    check(markets.random_panel(rng), params)


def random_windows(rng):
    """Windows of other lengths, across the places where sums begin afresh."""
    looks = sorted(int(x) for x in rng.choice(np.arange(1, 90), size=3, replace=False))
    draw = lambda low, high: int(rng.integers(low, high))  # noqa: E731 - a short name for a draw
    return {
        "lookback_bars": looks,
        "skip_bars": draw(0, 5),
        "vol_bars": draw(2, 130),
        "atr_bars": draw(1, 12),
        "regime_ema_bars": draw(1, 30),
        "regime_slope_bars": draw(1, 20),
        "adx_bars": draw(2, 9),
        "breakout_fast_bars": draw(1, 20),
        "breakout_base_bars": draw(1, 70),
        "vol_regime_fast_bars": draw(2, 20),
        "vol_regime_base_bars": draw(2, 100),
        "beta_bars": draw(10, 120),
        "router_bars": draw(10, 80),
        "k_dispersion_bars": draw(1, 60),
        "dollar_volume_days": draw(1, 6),
        "adv_days": draw(1, 6),
        "funding_bars": draw(1, 80),
    }


def test_all_features_at_random_windows(proof):
    for seed in range(400 if proof else 12):
        rng = np.random.default_rng([7, seed])
        kind = str(rng.choice(["raw", "log", "vol_scaled"]))
        params = markets.make_params(*ALL_ON, signal_kind=kind, **random_windows(rng))
        rows, cols = int(rng.integers(1, 320)), int(rng.integers(3, 21))
        check(markets.random_panel(rng, rows, cols, rough=seed % 3 > 0), params)


@pytest.mark.parametrize("bar_ms", [900_000, 4 * 3_600_000, DAY_MS])
def test_bars_of_other_lengths(bar_ms):
    rng = np.random.default_rng(bar_ms)
    params = markets.make_params(*ALL_ON, bar_ms=bar_ms, adv_days=1)
    check(markets.random_panel(rng, 140, 8, bar_ms=bar_ms), params)


def test_the_default_windows_on_real_hours(shared, proof):
    candles = realdata.read_candles(shared / "data/binance_perp_1h_29sym_to2024.parquet", 3_600_000)
    funding = realdata.read_funding(shared / "data/funding_binance_b_to2024.parquet", 3_600_000)
    params = markets.make_params(*ALL_ON)
    for name in markets.SMALL:
        if name.endswith("_bars") or name == "lookback_weights":
            params[name] = DEFAULT_PARAMS[name]
    params["majors"] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    first = realdata.first_close_ms(candles)
    for k in range(12 if proof else 1):
        start = first + (3_000 + 1_200 * k) * 3_600_000
        panel = realdata.build_panel(candles, 3_600_000, start, 950, funding)
        found = core.features(panel, params)
        check_features(found, features(panel, params))
        assert np.isfinite(found["slope_bps_day"][-1]).sum() > 15


def test_real_days_with_listings(shared, proof):
    candles = realdata.read_candles(shared / "data/bybit_perp_1d_to2024.parquet", DAY_MS)
    first = realdata.first_close_ms(candles)
    params = markets.make_params(*ALL_ON, bar_ms=DAY_MS, majors=["BTCUSDT", "ETHUSDT"])
    for k in range(8 if proof else 1):
        start = first + (250 + 120 * k) * DAY_MS
        panel = realdata.build_panel(candles, DAY_MS, start, 220, None)
        assert np.isnan(panel["close"]).any()
        check(panel, params)
