"""What the explanation page says of the sample market, measured. Bounds are standard errors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from xsmom.lake.panel import Panel
from xsmom.lake.sample import SampleMarket

Floats = NDArray[np.float64]
SEEDS = range(8)


@pytest.fixture(scope="module")
def fair() -> list[Panel]:
    """Markets in which nothing can be foretold."""
    return [SampleMarket(symbols=40, bars=8_760, seed=seed, momentum=0.0).build() for seed in SEEDS]


def simple(close: Floats) -> Floats:
    return close[1:] / close[:-1] - 1


def t_of(values: Floats) -> float:
    return float(np.mean(values) / (np.std(values, ddof=1) / np.sqrt(len(values))))


def ranked(values: Floats) -> Floats:
    """Ranks of each row's present values, centred, of unit variance; absent ones 0."""
    order = np.argsort(np.argsort(np.where(np.isnan(values), np.inf, values), axis=1), axis=1).astype(float)
    count = np.isfinite(values).sum(axis=1, keepdims=True)
    centred = np.where(np.isfinite(values), order - (count - 1) / 2, 0.0)
    unit: Floats = centred / np.sqrt((count * count - 1) / 12)
    return unit


def daily_ic(panel: Panel, look_back_days: int = 14) -> Floats:
    """Rank correlation of each day's trailing return with the next day's return."""
    close = panel.close[23::24]
    past = close[look_back_days:-1] / close[: -look_back_days - 1] - 1
    ahead = close[look_back_days + 1 :] / close[look_back_days:-1] - 1
    both = np.isfinite(past) & np.isfinite(ahead)
    some = both.sum(axis=1) >= 10  # no names at all when the day ended in a halt
    past, ahead, both = past[some], ahead[some], both[some]
    product = ranked(np.where(both, past, np.nan)) * ranked(np.where(both, ahead, np.nan))
    return np.asarray(product.sum(axis=1) / both.sum(axis=1))


def test_tails_are_fat(fair: list[Panel]) -> None:
    """Kurtosis of an hour 8 to 40 (a normal has 3); of a week far less."""
    hour, week = (
        [((x := step[np.isfinite(step)]) ** 4).mean() / x.var() ** 2 for step in steps]
        for steps in ([simple(p.close) for p in fair], [simple(p.close[::168]) for p in fair])
    )
    assert 8 < np.median(hour) < 40
    assert 2.5 < np.median(week) < np.median(hour) / 2


def test_volatility_clusters(fair: list[Panel]) -> None:
    """Absolute returns remember for days; returns themselves do not."""
    for lag, least in ((1, 0.10), (24, 0.04), (168, 0.01)):
        of_size, of_sign = [], []
        for panel in fair:
            step = simple(panel.close[:, [panel.symbols.index("BTCUSDT")]])[:, 0]
            step = step[np.isfinite(step)]
            size = np.abs(step)
            of_size.append(np.corrcoef(size[lag:], size[:-lag])[0, 1])
            of_sign.append(np.corrcoef(step[lag:], step[:-lag])[0, 1])
        assert np.mean(of_size) > least, lag
        assert abs(t_of(np.array(of_sign))) < 4, lag


def test_levels_are_those_of_crypto(fair: list[Panel]) -> None:
    vols, correlations = [], []
    for panel in fair:
        step = simple(panel.close)
        btc = step[:, panel.symbols.index("BTCUSDT")]
        vols.append(np.nanstd(btc) * np.sqrt(8_760))
        for i in range(len(panel.symbols)):
            both = np.isfinite(btc) & np.isfinite(step[:, i])
            correlations.append(np.corrcoef(btc[both], step[both, i])[0, 1])
    assert 0.35 < np.mean(vols) < 0.65
    assert 0.3 < np.median(correlations) < 0.8


def test_the_market_means_nothing_on_average(fair: list[Panel]) -> None:
    """Equal weights, each hour: the mean simple return is 0 within its error."""
    means = np.array([np.nanmean(np.nan_to_num(simple(panel.close)).mean(axis=1)) for panel in fair])
    assert abs(t_of(means)) < 3.5
    pooled = np.concatenate([np.nan_to_num(simple(panel.close)).mean(axis=1) for panel in fair])
    assert abs(t_of(pooled)) < 3.5


@pytest.mark.parametrize("look_back_days", [1, 7, 14, 28])
def test_without_momentum_the_past_tells_nothing(fair: list[Panel], look_back_days: int) -> None:
    assert abs(t_of(np.concatenate([daily_ic(panel, look_back_days) for panel in fair]))) < 3.5


def test_momentum_is_there_and_grows_with_its_strength() -> None:
    tells = []
    for momentum, years in ((1.0, 24), (3.0, 4), (6.0, 4)):
        markets = [SampleMarket(bars=8_760, seed=seed, momentum=momentum).build() for seed in range(years)]
        ics = np.concatenate([daily_ic(panel) for panel in markets])
        assert t_of(ics) > 2.5, momentum
        tells.append(ics.mean())
    assert 0.002 < tells[0] < 0.03 < tells[1] < 0.12 < tells[2]


def test_stops_and_targets_are_fair_bets(fair: list[Panel]) -> None:
    """Leave at a level that the bar touches, or at its close: the mean is 0 on both sides.

    This is what makes a backtest with stops earn minus its costs. Wicks drawn by taste fail it.
    """
    for side in (-1.0, 1.0):
        gains = []
        for panel in fair:
            present = np.isfinite(panel.close)
            opens, close = panel.open[present], panel.close[present]
            level = opens * (1 + side * 0.01)
            touched = panel.low[present] <= level if side < 0 else panel.high[present] >= level
            assert 0.05 < touched.mean() < 0.5
            gains.append((np.where(touched, level, close) / opens - 1).mean())
        assert abs(t_of(np.array(gains))) < 3.5, side
        naive = [float(np.nanmean(panel.low / panel.open - 1)) for panel in fair]
        assert max(naive) < -0.003  # so the test is able to fail


def test_volume_follows_moves_and_size(fair: list[Panel]) -> None:
    panel = fair[0]
    step, volume = np.abs(panel.close / panel.open - 1), panel.volume_usdt
    for i in range(len(panel.symbols)):
        both = np.isfinite(step[:, i])
        assert np.corrcoef(step[both, i], volume[both, i])[0, 1] > 0.2
    day = np.nanmean(volume, axis=0) * 24
    order = np.argsort(-day)
    assert {panel.symbols[i] for i in order[:2]} == {"BTCUSDT", "ETHUSDT"}
    assert 1e6 < day.min() < day.max() < 1e10


def test_funding_follows_the_trend_and_mostly_rests(fair: list[Panel]) -> None:
    for panel in fair[:3]:
        close, funding = panel.close[::8], np.add.reduceat(panel.funding_frac, np.arange(0, 8_760, 8), axis=0)
        trend = close[9:] / close[:-9] - 1  # three days
        paid = funding[9 : 9 + len(trend)]
        both = np.isfinite(trend) & np.isfinite(paid)
        assert np.corrcoef(trend[both], paid[both])[0, 1] > 0.15
    btc = [panel.funding_frac[:, panel.symbols.index("BTCUSDT")] for panel in fair]
    prints = np.concatenate([rate[rate != 0] for rate in btc])
    assert 0.4 < np.isclose(prints, 0.0001).mean() < 0.9
    assert (prints < 0).mean() > 0.02
