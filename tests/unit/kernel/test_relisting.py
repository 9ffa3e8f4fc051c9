"""A relisting under an old ticker: one return of 1.7e5 must not outlive its window."""

from __future__ import annotations

import numpy as np

import xsmom as xs
from xsmom import _core, kernel

VOL_BARS = 24


def test_volatility_is_right_again_as_soon_as_the_jump_has_left_its_window() -> None:
    rng = np.random.default_rng(5)
    bars = 200
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, (bars, 3)), axis=0))
    close[90:, 1] *= 171_115.0
    panel = xs.Panel.from_arrays(
        close_ms=(np.arange(bars, dtype=np.int64) + 400_000) * 3_600_000,
        symbols=["AAA", "LUNA", "ZZZ"],
        open=close,
        high=close,
        low=close,
        close=close,
        volume_usdt=np.ones_like(close),
    )
    params = _core.Params(**(_core.params_defaults() | {"vol_bars": VOL_BARS, "catastrophic_atr_x": 0.0}))
    found = kernel.features(panel, params)["sigma"]
    returns = close[1:] / close[:-1] - 1.0
    for t in range(90 + VOL_BARS, bars):
        exact = returns[t - VOL_BARS : t].std(axis=0, ddof=1)
        np.testing.assert_allclose(found[t], exact, rtol=1e-9, err_msg=f"bar {t}")
