"""Published momentum returns, through the package's own panel, decision, ledger and statistics.

The data are monthly returns of US equity portfolios. A month becomes a bar of a day, since panels are
regular; what is reproduced are returns a month, which know nothing of the calendar.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import xsmom as xs
from xsmom.lake.sample import SampleMarket

DAY_MS = 86_400_000
FILE = "data/french_monthly_dev.parquet"
FACTOR = "F-F_Momentum_Factor"
DECILES = "10_Portfolios_Prior_12_2_VW"
SMALL_LEG = 7  # of 49
Floats = np.ndarray


class Table:
    """Returns a month as fractions, months by series, and the first day of each month."""

    def __init__(self, frame: pl.DataFrame) -> None:
        frame = frame.filter(pl.col("ret_pct") > -99.0)  # -99.99 stands for none
        wide = frame.pivot(on="series", index="ts", values="ret_pct").sort("ts")
        self.month = np.array(wide["ts"].cast(pl.Datetime("ms")).dt.strftime("%Y-%m").to_list())
        self.names = sorted(name for name in wide.columns if name != "ts")
        self.returns: Floats = wide.select(self.names).to_numpy() / 100.0

    def between(self, first: str, last: str) -> slice:
        return slice(int((self.month < first).sum()), int((self.month <= last).sum()))

    def panel(self) -> xs.Panel:
        """Levels that start at 100 before the first month; an absent month is an absent bar."""
        known = ~np.isnan(self.returns)
        level = 100.0 * np.cumprod(1.0 + np.where(known, self.returns, 0.0), axis=0)
        close = np.vstack([np.full(len(self.names), 100.0), np.where(known, level, np.nan)])
        before = np.vstack([close[:1], close[:-1]])
        opened = np.where(np.isnan(before), close, before) + 0.0 * close
        return xs.Panel.from_arrays(
            close_ms=(np.arange(len(close)) + 20_000) * DAY_MS,
            symbols=self.names,
            open=opened,
            high=np.maximum(opened, close),
            low=np.minimum(opened, close),
            close=close,
            volume_usdt=1e12 + 0.0 * close,
            funding_frac=0.0 * close,
            bar_ms=DAY_MS,
        )


@pytest.fixture(scope="module")
def frame(shared: Path) -> pl.DataFrame:
    path = shared / FILE
    if not path.exists():
        pytest.skip(f"needs {FILE} beside the repository")
    return pl.read_parquet(path)


def table(frame: pl.DataFrame, dataset: str, series: str | None = None) -> Table:
    found = frame.filter(pl.col("dataset").str.starts_with(dataset))
    if series is not None:
        found = found.filter(pl.col("series") == series)
    if found.is_empty():
        pytest.skip(f"the file has no data set {dataset}")
    return Table(found)


def hold(panel: xs.Panel, weights: Floats) -> Floats:
    """Returns of each bar of weights that are held anew from every close on, without costs."""
    result = xs.backtest(panel, weights=weights, costs=xs.Costs.free(), fill_at="close", cash_usdt=1e6)
    equity = result.series()["equity_usdt"]
    returns: Floats = equity[1:] / equity[:-1] - 1.0
    return returns


def rank(score: Floats) -> Floats:
    """Columns by score, best first. Published returns have two digits: what is equal by them goes by column."""
    return np.argsort(-np.round(score, 10), kind="stable")


def is_tied(score: Floats, size: int) -> bool:
    """Whether the border of a leg runs between equals, where a rounding decides."""
    ordered = np.sort(np.round(score, 10))
    return bool(ordered[size - 1] == ordered[size] or ordered[-size] == ordered[-size - 1])


def legs(score: Floats, size: int) -> Floats:
    """Equal weights of the best and the worst `size` of each row, ties by column."""
    weights = np.zeros(score.shape)
    for t, row in enumerate(score):
        if np.isnan(row).any():
            continue
        order = rank(row)
        weights[t, order[:size]] = 1.0 / size
        weights[t, order[-size:]] = -1.0 / size
    return weights


def formation(panel: xs.Panel, months: int, skip: int = 0) -> Floats:
    """Growth over the formation months that end `skip` before the row."""
    score = np.full(panel.close.shape, np.nan)
    last = panel.bars - skip
    score[months + skip :] = panel.close[months:last] / panel.close[: last - months] - 1.0
    return score


def plain_spread(returns: Floats, months: int, skip: int, size: int, lag: int = 1) -> Floats:
    """The textbook in a loop of its own: best minus worst by growth of past returns. `lag` 0 looks ahead."""
    found = []
    for t in range(months + skip, len(returns)):
        end = t - skip + (1 - lag)
        growth = np.prod(1.0 + returns[end - months : end], axis=0)
        order = rank(growth - 1.0)
        found.append(returns[t, order[:size]].mean() - returns[t, order[-size:]].mean())
    return np.array(found)


def strategy(months: int, skip: int, size: int) -> Any:
    """The same rule as a configuration: growth over the formation, `size` names a side, equal weights."""
    settings: dict[str, Any] = {
        "universe.max_symbols": 500,
        "universe.min_age_days": 0,
        "universe.dollar_volume_days": 1,
        "strategy.lookbacks": [months],
        "strategy.lookback_weights": [1.0],
        "strategy.skip_bars": skip,
        "strategy.signal_kind": "raw",
        "strategy.signal_combine": "mean",
        "strategy.standardise": "rank_normal",  # by the mean, a second best can stand below it
        "strategy.zscore_clip": 0,
        "strategy.tranches.count": 1,
        "strategy.k_frac": 0.5,
        "strategy.k_min": size,
        "strategy.k_max": size,
        "strategy.market_neutral": False,
        "strategy.beta_neutral": False,
        "strategy.vol_lookback": 12,
        "strategy.vol_floor_ann": 10,  # more than any of them has, so that all weigh the same
        "strategy.gross_leverage": 2.0,
        "strategy.max_weight_per_asset": 1.0,
        "strategy.max_weight_short": 1.0,
        "strategy.no_trade_band_frac": 0,
        "strategy.portfolio_vol_target.enabled": False,
        "risk.catastrophic_atr_mult": 0,
        "risk.max_daily_loss_pct": 0,
        "risk.streak.losses": 0,
        "costs.taker_fee_bps": 0,
        "costs.half_spread_bps": 0,
        "costs.impact_y": 0,
        "costs.funding": False,
        "costs.fill": "close",
        "costs.initial_equity_usdt": 1e6,
    }
    return xs.load_config("weekly", set=settings)


def decide(panel: xs.Panel, months: int, skip: int, size: int) -> Floats:
    """Returns of each bar of the strategy itself: features, decision, plan, fills, account."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        equity = xs.backtest(panel, strategy(months, skip, size)).series()["equity_usdt"]
    returns: Floats = equity[1:] / equity[:-1] - 1.0
    return returns


# ---- the factor --------------------------------------------------------------------------------


def test_the_momentum_factor_has_its_published_means(frame: pl.DataFrame) -> None:
    factor = table(frame, FACTOR, "Mom")
    panel = factor.panel()
    returns = hold(panel, np.ones(panel.close.shape))
    np.testing.assert_allclose(returns, factor.returns[:, 0], atol=1e-12)
    for first, last, mean in (("1927-01", "2013-12", 8.3), ("1963-01", "2013-12", 8.4), ("1991-01", "2013-12", 6.3)):
        found = returns[factor.between(first, last)]
        assert 1_200.0 * found.mean() == pytest.approx(mean, abs=0.2)
    whole = returns[factor.between("1927-01", "2013-12")]
    assert xs.stats.newey_west_t(whole, lags=0) == pytest.approx(4.64, abs=0.1)
    assert xs.stats.metrics(whole, 12.0)["sharpe"] == pytest.approx(0.50, abs=0.01)


def test_the_factor_is_the_mean_of_two_spreads(frame: pl.DataFrame) -> None:
    six = table(frame, "6_Portfolios_ME_Prior")
    factor = table(frame, FACTOR, "Mom")
    panel = six.panel()
    high, low = ([i for i, name in enumerate(six.names) if key in name.upper()] for key in ("HI", "LO"))
    assert len(high) == len(low) == 2
    weights = np.zeros(panel.close.shape)
    weights[:, high], weights[:, low] = 0.5, -0.5
    common = np.intersect1d(six.month, factor.month)
    spread = hold(panel, weights)[np.isin(six.month, common)]
    published = factor.returns[np.isin(factor.month, common), 0]
    assert np.corrcoef(spread, published)[0, 1] > 0.9999


def test_winners_less_losers_move_with_the_factor(frame: pl.DataFrame) -> None:
    """Deciles are not the factor's own six portfolios; they are its kin."""
    deciles, factor = table(frame, DECILES), table(frame, FACTOR, "Mom")
    panel = deciles.panel()
    weights = np.zeros(panel.close.shape)
    weights[:, panel.symbols.index("Hi PRIOR")], weights[:, panel.symbols.index("Lo PRIOR")] = 1.0, -1.0
    spread = hold(panel, weights)
    high, low = (deciles.returns[:, deciles.names.index(name)] for name in ("Hi PRIOR", "Lo PRIOR"))
    np.testing.assert_allclose(spread, high - low, atol=1e-11)
    common = len(factor.month)
    assert np.corrcoef(spread[:common], factor.returns[:, 0])[0, 1] > 0.9


# ---- momentum of industries --------------------------------------------------------------------

INDUSTRIES = [(12, 0), (11, 1), (6, 0), (1, 0)]


@pytest.mark.parametrize(("months", "skip"), INDUSTRIES)
def test_industries_by_ledger_and_by_decision(frame: pl.DataFrame, months: int, skip: int) -> None:
    """One rule three times: a textbook loop, weights through the ledger, a configuration through everything."""
    industries = table(frame, "10_Industry")
    panel = industries.panel()
    wanted = plain_spread(industries.returns, months, skip, 2)
    by_ledger = hold(panel, legs(formation(panel, months, skip), 2))
    np.testing.assert_allclose(by_ledger[months + skip :], wanted, atol=1e-10)
    by_decision = decide(panel, months, skip, 2)
    score = formation(panel, months, skip)[:-1]
    clear = np.array([not is_tied(row, 2) for row in score])
    clear[:13] = False  # volatility wants twelve months
    assert clear.sum() > 1_080
    np.testing.assert_allclose(by_decision[clear], by_ledger[clear], atol=1e-7)


def test_a_look_ahead_is_absurd_and_is_not_what_comes_out(frame: pl.DataFrame) -> None:
    """The canary: the month that is earned is part of the signal."""
    industries = table(frame, "10_Industry")
    panel = industries.panel()
    ahead = plain_spread(industries.returns, 1, 0, 2, lag=0)
    assert ahead.mean() > 0.05  # of equity, each month
    honest = hold(panel, legs(formation(panel, 1), 2))[1:]
    assert honest.mean() < 0.1 * ahead.mean()
    assert decide(panel, 1, 0, 2)[13:].mean() < 0.1 * ahead.mean()
    score = formation(panel, 1)
    planted = hold(panel, legs(np.vstack([score[1:], score[-1:]]), 2))
    np.testing.assert_allclose(planted[1:], ahead, atol=1e-10)
    found = xs.check(
        panel,
        lambda market: legs(np.vstack([(s := formation(market, 1))[1:], s[-1:]]), 2),
        costs=xs.Costs.free(),
        fill_at="close",
        only=["future"],
    )
    assert not found.passed


PUBLISHED = [(12, 0, 0.873, 4.99), (11, 1, 0.853, 5.04), (6, 0, 0.535, 3.37), (1, 0, 0.400, 2.90)]


@pytest.mark.parametrize(("months", "skip", "mean", "t_value"), PUBLISHED)
def test_the_table_of_49_industries(frame: pl.DataFrame, months: int, skip: int, mean: float, t_value: float) -> None:
    industries = table(frame, "49_Industry")
    panel = industries.panel()
    span = industries.between("1927-07", "2021-12")
    for returns in (hold(panel, long_short_of_known(formation(panel, months, skip))), decide(panel, months, skip, 7)):
        found = returns[span]
        assert 100.0 * found.mean() == pytest.approx(mean, abs=0.03)
        assert xs.stats.newey_west_t(found, lags=0) == pytest.approx(t_value, abs=0.15)


def long_short_of_known(score: Floats) -> Floats:
    """Seven against seven among the industries that have a score; some begin later."""
    weights = np.zeros(score.shape)
    for t, row in enumerate(score):
        known = np.flatnonzero(~np.isnan(row))
        if len(known) < 2 * SMALL_LEG:
            continue
        order = known[rank(row[known])]
        weights[t, order[:SMALL_LEG]] = 1.0 / SMALL_LEG
        weights[t, order[-SMALL_LEG:]] = -1.0 / SMALL_LEG
    return weights


def test_the_sample_market_knows_no_industries() -> None:
    """The helper that compares is itself compared, where no data lie beside the repository."""
    market = SampleMarket(10, 60, DAY_MS, 3, churn=False).build()
    returns = market.close[1:] / market.close[:-1] - 1.0
    if np.isnan(returns).any():
        pytest.skip("this market has gaps")
    wanted = plain_spread(returns, 6, 0, 2)
    np.testing.assert_allclose(hold(market, legs(formation(market, 6), 2))[6:], wanted, atol=1e-10)
