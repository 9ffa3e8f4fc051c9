"""Indicators over a panel, against TA-Lib symbol by symbol: the same numbers, and what they cost.

Both write into memory that has been touched before: TA-Lib's short results come from the heap again and
again, so the panel's result is given its array, as a caller would who computes more than once.
"""

from __future__ import annotations

import numpy as np
import pytest
from benches_reference import BARS, NAMES, cpu_medians, make_market

from xsmom import indicators

talib = pytest.importorskip("talib", reason="TA-Lib is not installed: pip install TA-Lib")

EMA_BARS, WILDER_BARS, STD_BARS = 24, 14, 96


@pytest.fixture(scope="module")
def market():
    return make_market(BARS, NAMES)


@pytest.fixture(scope="module")
def series(market):
    """High, low and close of each symbol by itself, as TA-Lib takes them."""
    fields = (market.high, market.low, market.close)
    return [tuple(np.ascontiguousarray(field[:, i]) for field in fields) for i in range(NAMES)]


MINE = {
    "ema": lambda market, out: indicators.ema(market.close, EMA_BARS, out=out),
    "atr": lambda market, out: indicators.atr(market.high, market.low, market.close, WILDER_BARS, out=out),
    "adx": lambda market, out: indicators.adx(market.high, market.low, market.close, WILDER_BARS, out=out),
    "rolling_std": lambda market, out: indicators.rolling_std(market.close, STD_BARS, 0, out=out),
}
THEIRS = {
    "ema": lambda *bars: talib.EMA(bars[2], EMA_BARS),
    "atr": lambda *bars: talib.ATR(*bars, WILDER_BARS),
    "adx": lambda *bars: talib.ADX(*bars, WILDER_BARS),
    "rolling_std": lambda *bars: talib.STDDEV(bars[2], STD_BARS),
}


BUDGET = {
    "ema": "indicators.ema_over_talib",
    "atr": "indicators.atr_over_talib",
    "adx": "indicators.adx_over_talib",
    "rolling_std": "indicators.rolling_std_over_talib",
}


@pytest.mark.parametrize("name", MINE)
def test_panel_over_talib(name, market, series, budgets) -> None:
    out = np.zeros((BARS, NAMES))
    MINE[name](market, out)
    for i in (0, NAMES // 2, NAMES - 1):
        # STDDEV of TA-Lib loses digits where the level is large and the spread small; mine does not.
        np.testing.assert_allclose(out[:, i], THEIRS[name](*series[i]), rtol=1e-6, equal_nan=True)

    def theirs() -> None:
        for bars in series:
            THEIRS[name](*bars)

    spent = cpu_medians({"core": lambda: MINE[name](market, out), "talib": theirs}, rounds=9)
    print({who: f"{1e9 * seconds / (BARS * NAMES):.2f} ns a cell" for who, seconds in spent.items()})
    budgets.hold(BUDGET[name], spent["core"] / spent["talib"])
